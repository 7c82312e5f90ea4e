import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openS3Store, type S3Store, type S3StoreOptions } from '../../lib/aws/s3-store.ts';
import { systemClock } from '../../lib/local/system-clock.ts';
import { startGroup } from './process-group.ts';
import { type Hooks, temporaryDirectory } from './temporary.ts';
import { findVersitygw } from './versitygw.ts';
import { eventually } from './waiting.ts';

// Nothing in a test may find its way to a real account, whatever the machine is logged in to.
for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
export const testCredentials = { accessKeyId: 'walwarden-test', secretAccessKey: 'not-a-secret' } as const;
process.env.AWS_ACCESS_KEY_ID = testCredentials.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = testCredentials.secretAccessKey;
process.env.AWS_EC2_METADATA_DISABLED = 'true';
process.env.AWS_CONFIG_FILE = '/dev/null';
process.env.AWS_SHARED_CREDENTIALS_FILE = '/dev/null';
export const testRegion = 'us-east-1';

/** A running S3 API server on 127.0.0.1, over a temporary directory. */
export type S3Server = {
  readonly endpoint: string;
  /** To look at the server behind the store's back. */
  readonly client: S3Client;
  /** A bucket of one test's own. */
  createBucket(): Promise<string>;
  /** A store in a bucket of its own, closed after the test; options as for `openS3Store`. */
  openStore(t: Hooks, options?: Partial<S3StoreOptions>): Promise<S3Store>;
};

const freePort = async (): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer().once('error', reject);
  probe.listen(0, '127.0.0.1', () => {
    const address = probe.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    probe.close(() => resolve(port));
  });
  return promise;
};

const isAnswering = async (endpoint: string): Promise<boolean> => {
  try {
    await (await fetch(endpoint)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
};

/** One start; undefined when the server ended at once, as it does when somebody else took the port. */
const startOnce = async (binary: string, home: string, log: string[]): Promise<string | undefined> => {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = [
    '--port',
    `127.0.0.1:${port}`,
    '--keep-alive',
    '--quiet',
    '--noacl',
    'posix',
    join(home, 'buckets'),
  ];
  const child = startGroup(binary, args, {
    user: undefined,
    cwd: home,
    env: {
      PATH: '/usr/bin:/bin',
      ROOT_ACCESS_KEY: testCredentials.accessKeyId,
      ROOT_SECRET_KEY: testCredentials.secretAccessKey,
      VGW_REGION: testRegion,
    },
  });
  for (const output of [child.stdout, child.stderr]) output.on('data', (text) => log.push(String(text)));
  const state = await eventually('the start of the S3 server', async () => {
    if (child.exitCode !== null || child.signalCode !== null) return 'ended';
    return (await isAnswering(endpoint)) && 'started';
  });
  return state === 'started' ? endpoint : undefined;
};

const startServer = async (hooks: Hooks, binary: string): Promise<string> => {
  const home = temporaryDirectory(hooks);
  mkdirSync(join(home, 'buckets'));
  const log: string[] = [];
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const endpoint = await startOnce(binary, home, log);
    if (endpoint !== undefined) return endpoint;
  }
  throw new Error(`the S3 server did not start:\n${log.join('')}`);
};

let buckets = 0;

/**
 * Starts a server for the time of a test or, with `{ after }` of node:test, of a file. Where it cannot be had, the answer
 * says what is missing, or WALWARDEN_DEMAND_PARTS=1 makes that an error.
 */
export const startS3Server = async (hooks: Hooks): Promise<S3Server | { readonly missing: string }> => {
  const found = await findVersitygw();
  if ('missing' in found) {
    if (process.env.WALWARDEN_DEMAND_PARTS === '1') throw new Error(found.missing);
    return found;
  }
  const endpoint = await startServer(hooks, found.binary);
  const client = new S3Client({
    endpoint,
    region: testRegion,
    forcePathStyle: true,
    credentials: testCredentials,
  });
  hooks.after(async () => client.destroy());
  const createBucket = async (): Promise<string> => {
    buckets += 1;
    const bucket = `bucket-${buckets}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return bucket;
  };
  return {
    endpoint,
    client,
    createBucket,
    openStore: async (t, options) => {
      const store = await openS3Store({
        bucket: options?.bucket ?? (await createBucket()),
        prefix: 'clusters/main',
        region: testRegion,
        endpoint,
        forcePathStyle: true,
        partBytes: 5 * 1024 * 1024,
        clock: systemClock,
        deadlineMs: 20_000,
        ...options,
      });
      t.after(() => store.close());
      return store;
    },
  };
};
