import type { ByteSource, CallOptions, ObjectKey, ObjectStore } from '../core/ports.ts';
import { createS3Client } from './s3-client.ts';
import { createObject, putObject } from './s3-create.ts';
import { bucketKey } from './s3-keys.ts';
import { listObjects } from './s3-list.ts';
import { openObject } from './s3-open.ts';
import { proveNoOverwrite } from './s3-probe.ts';
import { removeObject } from './s3-remove.ts';
import { createS3Context } from './s3-requests.ts';
import { resolveS3Settings, type S3StoreOptions } from './s3-settings.ts';
import { statObject } from './s3-stat.ts';

export type { S3Encryption, S3Proxy, S3StoreOptions } from './s3-settings.ts';
export { parseS3Url, type S3Place } from './s3-url.ts';

export type S3Store = ObjectStore & {
  /** Like `create`, but always as a multipart upload, however short; see s3-probe.ts. */
  createInParts(key: ObjectKey, body: ByteSource, options?: CallOptions): Promise<'created' | 'exists'>;
};

/**
 * An archive in an S3 bucket. Opening sends no request: a wrong bucket or missing credentials show with the first
 * operation, and a restore that needs three objects pays for three requests.
 *
 * @throws 'settings-invalid'
 */
export const openS3Store = async (options: S3StoreOptions): Promise<S3Store> => {
  const settings = resolveS3Settings(options);
  const client = createS3Client(settings);
  const context = createS3Context(settings, client);
  const store: S3Store = {
    isMetered: true,
    location: `s3://${settings.bucket}${settings.prefix === '' ? '' : `/${settings.prefix}`}`,
    create: (key, body, call) => createObject(context, key, body, call),
    createInParts: (key, body, call) => createObject(context, key, body, { ...call, alwaysInParts: true }),
    replace: async (key, body, call) => {
      const whole = bucketKey(settings.prefix, key);
      await putObject(context, whole, body, { signal: call?.signal });
    },
    open: (key, call) => openObject(context, key, call),
    stat: (key, call) => statObject(context, key, call),
    list: (prefix, call) => listObjects(context, prefix, call),
    remove: (key, seen, call) => removeObject(context, key, seen, call),
    proveNoOverwrite: (probes, call) => proveNoOverwrite(store, probes, call),
    close: async () => client.destroy(),
  };
  return store;
};
