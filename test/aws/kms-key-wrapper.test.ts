import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openKmsKeyWrapper } from '../../lib/aws/kms-key-wrapper.ts';
import { kmsEnvelopeEncryption } from '../../lib/codec/encryption/kms-envelope.ts';
import { collect } from '../../lib/codec/streams.ts';

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

/** A stand-in for KMS that speaks its protocol (AWS KMS API Reference): JSON in a POST, the operation in a header. */
const startKms = async (
  t: TestContext,
  answer: (operation: string, request: Readonly<Record<string, string>>) => Answer,
) => {
  const server = createServer(async (request, response) => {
    const operation = `${request.headers['x-amz-target']}`.replace('TrentService.', '');
    const { status, body } = answer(operation, JSON.parse((await collect(request)).toString()));
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const saved = { ...process.env };
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
  t.after(() => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
  });
  const address = server.address();
  assert(isAddress(address), 'the server listens on a port');
  return openKmsKeyWrapper({
    keyId: 'alias/archive',
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${address.port}`,
  });
};

const isAddress = (address: string | AddressInfo | null): address is AddressInfo =>
  address !== null && typeof address === 'object';

test('an object is encrypted with a data key from KMS and opens with it again', async (t) => {
  const key = Buffer.alloc(32, 5).toString('base64');
  const wrapped = Buffer.from('wrapped').toString('base64');
  const asked: string[] = [];
  const wrapper = await startKms(t, (operation, request) => {
    asked.push(operation);
    assert.equal(request.KeyId, 'alias/archive');
    if (operation === 'GenerateDataKey') {
      assert.equal(request.KeySpec, 'AES_256');
      return { status: 200, body: { Plaintext: key, CiphertextBlob: wrapped } };
    }
    assert.equal(request.CiphertextBlob, wrapped);
    return { status: 200, body: { Plaintext: key } };
  });
  const { encrypt, decrypt } = kmsEnvelopeEncryption(wrapper);
  const content = Buffer.from('content');
  async function* source() {
    yield content;
  }
  assert.deepEqual(await collect(decrypt(encrypt(source()))), content);
  assert.deepEqual(asked, ['GenerateDataKey', 'Decrypt']);
});

test("KMS's refusals are told with what to do", async (t) => {
  let type = '';
  const wrapper = await startKms(t, () => ({ status: 400, body: { __type: type, message: 'no' } }));
  for (const [name, code, hint] of [
    ['AccessDeniedException', 'store-denied', /iam\.md/],
    ['NotFoundException', 'store-misconfigured', /WALWARDEN_KMS_REGION/],
    ['KMSInvalidStateException', 'store-misconfigured', /cancel the deletion/],
    ['IncorrectKeyException', 'object-damaged', /another KMS key/],
    ['UnrecognizedClientException', 'store-unavailable', /credentials/],
  ] as const) {
    type = name;
    await assert.rejects(
      wrapper.unwrap(Buffer.from('wrapped')),
      { code, hint, message: `KMS Decrypt with key alias/archive failed: ${name}: no` },
      name,
    );
  }
});
