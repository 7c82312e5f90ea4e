import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { HeadObjectCommand, ListMultipartUploadsCommand, NotFound } from '@aws-sdk/client-s3';
import type { S3StoreOptions } from '../../lib/aws/s3-store.ts';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { type Fault, type FaultProxy, type SeenRequest, startFaultProxy } from '../support/fault-proxy.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';

export const server = await startS3Server({ after });
export const key = parseObjectKey('wal_005/a');
export const partBytes = 5 * 1024 * 1024;

export type Place = {
  readonly proxy: FaultProxy;
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly server: S3Server;
};

/** A store that reaches the server through a proxy, and does not wait between its retries. */
export const faultTest = (
  behaviour: string,
  check: (place: Place, t: TestContext) => Promise<void>,
  options: Partial<S3StoreOptions> = {},
): void => {
  if ('missing' in server) {
    test(behaviour, { skip: server.missing });
    return;
  }
  test(behaviour, { timeout: 60_000 }, async (t) => {
    const proxy = await startFaultProxy(t, server.endpoint);
    const bucket = await server.createBucket();
    const store = await server.openStore(t, {
      bucket,
      endpoint: proxy.endpoint,
      random: () => 0,
      ...options,
    });
    await check({ proxy, store, bucket, server }, t);
  });
};

export const bytesOf = (length: number): Buffer =>
  Buffer.from(new Uint8Array(length).map((_, index) => (index * 31) % 251));

export async function* streamed(bytes: Uint8Array, chunkBytes = 100_000) {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export const readAll = async (store: ObjectStore): Promise<Buffer> => {
  const object = await store.open(key);
  assert(object !== undefined, 'the object is there');
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.content) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** What the server itself says, not through the proxy; undefined when it has no such object. */
export const storedBytes = async ({ server: { client }, bucket }: Place): Promise<number | undefined> => {
  try {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: `clusters/main/${key}` });
    return (await client.send(command)).ContentLength;
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
};

export const openUploads = async ({ server: { client }, bucket }: Place): Promise<number> =>
  (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.length ?? 0;

export const first = (fault: Fault) => (_request: SeenRequest, number: number) =>
  number === 1 ? fault : undefined;
export const unavailable = (thrown: unknown): boolean => isPipelineError(thrown, 'store-unavailable');
