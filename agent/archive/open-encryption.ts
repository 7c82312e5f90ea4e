import { readFileSync } from 'node:fs';
import type { Encryption } from '../../lib/codec/encryption/encryption.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Secret } from '../settings/secret.ts';
import type { Settings } from '../settings/settings.ts';

/**
 * The encryption that the settings ask for; `undefined` for none. Libraries are loaded when they are needed.
 *
 * @throws 'settings-invalid' for keys that cannot be read
 */
export const openEncryption = async (settings: Settings): Promise<Encryption | undefined> => {
  const { encryption } = settings;
  const sodiumKey = keyText(encryption.libsodiumKey, encryption.libsodiumKeyPath);
  if (sodiumKey !== undefined) {
    const { parseSecretstreamKey, secretstreamEncryption } = await import(
      '../../lib/codec/encryption/secretstream.ts'
    );
    return secretstreamEncryption(parseSecretstreamKey(sodiumKey, encryption.libsodiumKeyTransform));
  }
  const pgpKey = keyText(encryption.pgpKey, encryption.pgpKeyPath);
  if (pgpKey !== undefined) {
    const { openOpenpgpEncryption } = await import('../../lib/codec/encryption/openpgp.ts');
    const passphrase = encryption.pgpKeyPassphrase?.reveal();
    return openOpenpgpEncryption({ armoredKeys: pgpKey, passphrase });
  }
  if (encryption.kmsKeyId !== undefined) {
    const [{ kmsEnvelopeEncryption }, { openKmsKeyWrapper }] = await Promise.all([
      import('../../lib/codec/encryption/kms-envelope.ts'),
      import('../../lib/aws/kms-key-wrapper.ts'),
    ]);
    const region = encryption.kmsRegion ?? settings.s3.region;
    return kmsEnvelopeEncryption(openKmsKeyWrapper({ keyId: encryption.kmsKeyId, region }));
  }
  return undefined;
};

/** The key itself, or the text of its file, which WAL-G trims. */
const keyText = (key: Secret | undefined, path: string | undefined): string | undefined => {
  if (key !== undefined) return key.reveal();
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new PipelineError('settings-invalid', {
      message: `the key file ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      hint: 'It must be readable by the user that runs walwarden, which is the one that owns the cluster.',
      cause,
    });
  }
};
