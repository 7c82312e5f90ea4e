import { PipelineError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';

/**
 * How the store encrypts at rest. With 'sse-kms' a bucket key saves almost all calls to KMS. An object written with
 * 'sse-c' is read with the same 32 bytes or not at all: the store keeps no copy of them.
 */
export type S3Encryption =
  | { readonly kind: 'sse-s3' }
  | {
      readonly kind: 'sse-kms';
      readonly keyId?: string | undefined;
      readonly bucketKey?: boolean | undefined;
    }
  | { readonly kind: 'sse-c'; readonly key: Uint8Array };

/** An HTTP proxy. `noProxy` is a list of hosts, separated by commas, as in NO_PROXY. */
export type S3Proxy = { readonly url: string; readonly noProxy?: string | undefined };

export type S3StoreOptions = {
  readonly bucket: string;
  /** Without slashes at its ends, see `parseS3Url`. */
  readonly prefix: string;
  /** Without one the SDK takes AWS_REGION or the profile's. */
  readonly region?: string | undefined;
  /** The profile of ~/.aws/config; without one AWS_PROFILE, then 'default'. */
  readonly profile?: string | undefined;
  /** Without them the SDK's chain: environment, profile, web identity, container, instance metadata. */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
  /** URL of an S3-compatible store. */
  readonly endpoint?: string | undefined;
  /** http://host/bucket/key instead of http://bucket.host/key; most S3-compatible stores need it. */
  readonly forcePathStyle?: boolean | undefined;
  /** S3's name for it, e.g. STANDARD_IA; without one the bucket decides. */
  readonly storageClass?: string | undefined;
  readonly serverSideEncryption?: S3Encryption | undefined;
  /** A body up to this size is one PutObject; a longer one goes in parts of it. 5 MiB to 5 GiB, 16 MiB by default. */
  readonly partBytes?: number | undefined;
  /** Connections at once; 8 by default. An object that is being read keeps its connection until it is read or left. */
  readonly concurrency?: number | undefined;
  /** Objects of at least two pieces are read by several ranged requests at once; memory is `pieces` x `pieceBytes`. */
  readonly parallelReads?: { readonly pieceBytes: number; readonly pieces: number } | undefined;
  /**
   * 'when-supported' (default) sends and asks for checksums of whole objects; 'when-required' leaves out headers that
   * some S3-compatible stores refuse or store as part of the object.
   */
  readonly checksumMode?: 'when-supported' | 'when-required' | undefined;
  /**
   * Bounds one request together with its retries and its wait for a connection; 60 s by default. A whole command is
   * bounded by the `signal` that its caller passes. A body that arrives is bounded by `stallMs` only.
   */
  readonly deadlineMs?: number | undefined;
  /** How often one request is tried in all; 5 by default. */
  readonly maxAttempts?: number | undefined;
  /** 5 s by default. */
  readonly connectTimeoutMs?: number | undefined;
  /** A connection on which nothing moves for so long is given up; 20 s by default. */
  readonly stallMs?: number | undefined;
  /** Called before bytes are sent and after they came in; whoever limits the rate lets it wait. */
  readonly throttle?: ((bytes: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** Told of every HTTP request that is sent, its retries included. */
  readonly onRequest?:
    | ((request: { readonly operation: string; readonly attempt: number }) => void)
    | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1), for the spread of retries. */
  readonly random?: (() => number) | undefined;
  readonly proxy?: S3Proxy | undefined;
};

type Defaulted =
  | 'partBytes'
  | 'concurrency'
  | 'checksumMode'
  | 'deadlineMs'
  | 'maxAttempts'
  | 'connectTimeoutMs'
  | 'stallMs'
  | 'random';

export type S3Settings = Omit<S3StoreOptions, Defaulted> & {
  readonly [Name in Defaulted]-?: NonNullable<S3StoreOptions[Name]>;
};

const mebibyte = 1024 * 1024;
/** Amazon S3 User Guide, "Amazon S3 multipart upload limits". */
export const partLimits = { leastBytes: 5 * mebibyte, mostBytes: 5 * 1024 * mebibyte, most: 10_000 } as const;
const sseKeyBytes = 32;

const refuse = (message: string, hint?: string): never => {
  throw new PipelineError('settings-invalid', { message, hint });
};

const requireWhole = (name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void => {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    refuse(`${name} of the S3 store is ${value}, but must be a whole number from ${least} to ${most}`);
  }
};

// Node puts such an agent between itself and the proxy from this version on; older ones would silently go direct.
const proxyNeeds = { major: 24, minor: 5 } as const;

const checkProxy = (proxy: S3Proxy): void => {
  const url = URL.parse(proxy.url);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    refuse('the proxy of the S3 store is not the URL of an HTTP proxy', 'Write it as http://host:port.');
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < proxyNeeds.major || (major === proxyNeeds.major && minor < proxyNeeds.minor)) {
    refuse(`Node ${process.versions.node} cannot speak through a proxy`, 'Use Node 24.5 or newer.');
  }
};

const checkEndpoint = (endpoint: string): void => {
  const url = URL.parse(endpoint);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '') {
    refuse('the endpoint of the S3 store is not an http or https URL', 'Write it as https://host:port.');
  }
};

/** @throws 'settings-invalid' */
export const resolveS3Settings = (options: S3StoreOptions): S3Settings => {
  const settings: S3Settings = {
    ...options,
    partBytes: options.partBytes ?? 16 * mebibyte,
    concurrency: options.concurrency ?? 8,
    checksumMode: options.checksumMode ?? 'when-supported',
    deadlineMs: options.deadlineMs ?? 60_000,
    maxAttempts: options.maxAttempts ?? 5,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    stallMs: options.stallMs ?? 20_000,
    random: options.random ?? Math.random,
  };
  requireWhole('partBytes', settings.partBytes, partLimits.leastBytes, partLimits.mostBytes);
  requireWhole('concurrency', settings.concurrency, 1, 1024);
  requireWhole('maxAttempts', settings.maxAttempts, 1, 100);
  for (const name of ['deadlineMs', 'connectTimeoutMs', 'stallMs'] as const) {
    requireWhole(name, settings[name], 1, 2 ** 31 - 1);
  }
  if (settings.parallelReads !== undefined) {
    requireWhole('parallelReads.pieceBytes', settings.parallelReads.pieceBytes, 64 * 1024);
    requireWhole('parallelReads.pieces', settings.parallelReads.pieces, 1, 1024);
  }
  const encryption = settings.serverSideEncryption;
  if (encryption?.kind === 'sse-c' && encryption.key.byteLength !== sseKeyBytes) {
    refuse(`the SSE-C key has ${encryption.key.byteLength} bytes, but AES-256 takes ${sseKeyBytes}`);
  }
  if (settings.endpoint !== undefined) checkEndpoint(settings.endpoint);
  if (settings.proxy !== undefined) checkProxy(settings.proxy);
  return settings;
};
