import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { probeKeys } from '../../lib/core/archive/layout.ts';
import { type FaultProxy, type SeenRequest, startFaultProxy } from './fault-proxy.ts';
import { type S3Server, startS3Server, testCredentials, testRegion } from './s3-server.ts';
import { startTcpRelay } from './tcp-relay.ts';
import type { Hooks } from './temporary.ts';
import { stateDirectory, type TestArchive, type TestStore } from './test-archive.ts';

const prefix = 'clusters/main';
const ownProbes: readonly string[] = Object.values(probeKeys);

/** The settings that point an agent at a bucket which it reaches at `endpoint`. */
const agentEnv = (place: {
  readonly bucket: string;
  readonly endpoint: string;
  readonly state: string;
}): Readonly<Record<string, string>> => ({
  WALWARDEN_PREFIX: `s3://${place.bucket}/${prefix}`,
  WALWARDEN_S3_ENDPOINT: place.endpoint,
  WALWARDEN_S3_REGION: testRegion,
  WALWARDEN_S3_FORCE_PATH_STYLE: 'true',
  WALWARDEN_STATE_DIR: place.state,
  AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** Looks into an archive and harms it with plain requests to the server, past whatever lies between it and the agent. */
const backDoor = (
  { client }: S3Server,
  bucket: string,
): Pick<TestArchive, 'keys' | 'read' | 'write' | 'remove'> => {
  const objectAt = (key: string) => ({ Bucket: bucket, Key: `${prefix}/${key}` });
  return {
    // What the agent leaves to test the store with is there before the archive is, and no part of it.
    keys: async (begin = '') => {
      const keys: string[] = [];
      const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${prefix}/${begin}` });
      for await (const { Contents } of pages) {
        for (const { Key = '' } of Contents ?? []) keys.push(Key.slice(prefix.length + 1));
      }
      return keys.filter((key) => !ownProbes.includes(key)).sort();
    },
    read: async (key) => {
      const { Body } = await client.send(new GetObjectCommand(objectAt(key)));
      assert(Body !== undefined, `${key} has a body`);
      return Buffer.from(await Body.transformToByteArray());
    },
    write: async (key, bytes) => {
      await client.send(new PutObjectCommand({ ...objectAt(key), Body: bytes }));
    },
    remove: async (key) => {
      await client.send(new DeleteObjectCommand(objectAt(key)));
    },
  };
};

const s3TestStore = (server: S3Server): TestStore => ({
  name: 'S3',
  async open(hooks) {
    const bucket = await server.createBucket();
    const relay = await startTcpRelay(hooks, new URL(server.endpoint));
    const state = stateDirectory(hooks);
    return {
      env: agentEnv({ bucket, endpoint: `http://127.0.0.1:${relay.port}`, state }),
      ...backDoor(server, bucket),
      breakDown: relay.cut,
      heal: relay.mend,
    };
  },
});

/** An archive that the agent reaches through a proxy which counts its requests and lets them go wrong. */
export type FaultyArchive = TestArchive & {
  readonly proxy: FaultProxy;
  readonly bucket: string;
  /** What was asked since the last call, in order: 'PUT wal_005/...', 'LIST wal_005/'. */
  asked(): readonly string[];
  /** The settings of another host, which remembers nothing of the first. */
  otherHost(): Readonly<Record<string, string>>;
};

export const openFaultyArchive = async (hooks: Hooks, server: S3Server): Promise<FaultyArchive> => {
  const bucket = await server.createBucket();
  const proxy = await startFaultProxy(hooks, server.endpoint);
  const state = stateDirectory(hooks);
  const { endpoint } = proxy;
  let told = 0;
  return {
    env: agentEnv({ bucket, endpoint, state }),
    ...backDoor(server, bucket),
    breakDown: async () => proxy.inject(() => ({ kind: 'reset' })),
    heal: async () => proxy.inject(() => undefined),
    proxy,
    bucket,
    asked: () => {
      const fresh = proxy.requests.slice(told);
      told = proxy.requests.length;
      return fresh.map(describeRequest);
    },
    otherHost: () => agentEnv({ bucket, endpoint, state: stateDirectory(hooks) }),
  };
};

/** A request in one word and the archive's own key. */
export const describeRequest = ({ method, url }: Pick<SeenRequest, 'method' | 'url'>): string => {
  const { pathname, searchParams } = new URL(url, 'http://any');
  const inArchive = (path: string): string => path.slice(path.indexOf(prefix) + prefix.length + 1);
  const key = inArchive(decodeURIComponent(pathname));
  if (searchParams.has('list-type')) return `LIST ${inArchive(searchParams.get('prefix') ?? '')}`;
  if (searchParams.has('uploads')) return `BEGIN ${key}`;
  if (searchParams.has('partNumber')) return `PART ${searchParams.get('partNumber')} ${key}`;
  if (!searchParams.has('uploadId')) return `${method} ${key}`;
  return `${method === 'DELETE' ? 'ABORT' : 'COMPLETE'} ${key}`;
};

/** Registers tests on a real S3 server that runs as long as the test file, or one skipped test where there is none. */
export const onS3 = async (register: (store: TestStore, server: S3Server) => void): Promise<void> => {
  const server = await startS3Server({ after });
  if ('missing' in server) test('the agent on S3', { skip: server.missing });
  else register(s3TestStore(server), server);
};
