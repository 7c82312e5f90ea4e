import assert from 'node:assert/strict';
import type { KMSClient } from '@aws-sdk/client-kms';
import { type ErrorCode, PipelineError } from '../core/errors.ts';

export type KmsKeyWrapperOptions = {
  /** The key's ARN, id, alias or alias' ARN. */
  readonly keyId: string;
  readonly region?: string | undefined;
  /** For stand-ins of KMS; without one the SDK knows where it is. */
  readonly endpoint?: string | undefined;
};

/** What the envelope's encryption (lib/codec) takes data keys from; adapters know nothing of codecs. */
export type KmsKeyWrapper = {
  wrap(): Promise<{ readonly plaintextKey: Uint8Array; readonly wrapped: Uint8Array }>;
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
};

/**
 * Data keys from AWS KMS (GenerateDataKey and Decrypt, AWS KMS Cryptographic Details, "Envelope encryption"). The client
 * is loaded by the first object that needs it and keeps its connections for the next.
 *
 * @throws 'store-denied', 'store-misconfigured', 'store-unavailable', 'object-damaged' for keys it has not wrapped
 */
export const openKmsKeyWrapper = (options: KmsKeyWrapperOptions): KmsKeyWrapper => {
  const { keyId, region, endpoint } = options;
  let loading: Promise<{ readonly kms: typeof import('@aws-sdk/client-kms'); readonly client: KMSClient }>;
  const load = () => {
    loading ??= import('@aws-sdk/client-kms').then((kms) => ({
      kms,
      client: new kms.KMSClient({
        ...(region !== undefined && { region }),
        ...(endpoint !== undefined && { endpoint }),
      }),
    }));
    return loading;
  };
  return {
    async wrap() {
      const { kms, client } = await load();
      const answer = await client
        .send(new kms.GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256' }))
        .catch((error: unknown) => {
          throw translate('GenerateDataKey', keyId, error);
        });
      const { Plaintext: plaintextKey, CiphertextBlob: wrapped } = answer;
      assert(plaintextKey !== undefined && wrapped !== undefined, 'KMS answers with a key in both forms');
      return { plaintextKey, wrapped };
    },
    async unwrap(wrapped) {
      const { kms, client } = await load();
      // With the key named, KMS refuses what another key wrapped, even one that this caller may use.
      const answer = await client
        .send(new kms.DecryptCommand({ KeyId: keyId, CiphertextBlob: wrapped }))
        .catch((error: unknown) => {
          throw translate('Decrypt', keyId, error);
        });
      assert(answer.Plaintext !== undefined, 'KMS answers with the key');
      return answer.Plaintext;
    },
  };
};

/** By the names of KMS's errors (AWS KMS API Reference, "Common Errors" and those of Decrypt). */
const meanings: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  AccessDeniedException: [
    'store-denied',
    "Allow it in the role's policy and in the key's; docs/iam.md shows both.",
  ],
  DisabledException: ['store-misconfigured', 'The KMS key is disabled; enable it.'],
  KMSInvalidStateException: [
    'store-misconfigured',
    'The KMS key is disabled or about to be deleted; cancel the deletion and enable it.',
  ],
  NotFoundException: [
    'store-misconfigured',
    'Check WALWARDEN_KMS_KEY_ID and the region (WALWARDEN_KMS_REGION): a key is known in its own region only.',
  ],
  InvalidCiphertextException: ['object-damaged', 'The data key of this object was changed.'],
  IncorrectKeyException: [
    'object-damaged',
    'The object was encrypted with another KMS key than WALWARDEN_KMS_KEY_ID names.',
  ],
};

const transient: readonly [ErrorCode, string] = [
  'store-unavailable',
  'Check the way to AWS KMS: network, proxy, credentials and region.',
];

const translate = (operation: string, keyId: string, error: unknown): unknown => {
  if (!(error instanceof Error)) return error;
  const [code, hint] = meanings[error.name] ?? transient;
  return new PipelineError(code, {
    message: `KMS ${operation} with key ${keyId} failed: ${error.name}: ${error.message}`,
    hint,
    cause: error,
  });
};
