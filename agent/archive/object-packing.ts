import { compress, decompress, type Transform } from '../../lib/codec/codec.ts';
import type { Encryption } from '../../lib/codec/encryption/encryption.ts';
import type { Codec } from '../../lib/core/archive/layout.ts';
import { PipelineError } from '../../lib/core/errors.ts';

/** How content becomes an object and an object content again: compress and then encrypt, decrypt and then decompress. */
export type Packing = {
  readonly pack: (codec: Codec, level?: number) => Transform;
  readonly unpack: (codec: Codec) => Transform;
};

/**
 * An object's name does not say whether it is encrypted, so that its first bytes are looked at. With a key, an object that
 * begins as its codec does is not encrypted and is refused: whoever may write into the bucket could otherwise put content
 * of their own in the place of what only the key's owner can write. `allowsPlain` lets it pass, for archives from before
 * the key was set.
 *
 * What cannot be told: brotli, lzma and "none" begin with no mark of their own. Such objects count as encrypted with
 * libsodium, whose streams have none either; OpenPGP and the KMS envelope are known by their own beginning.
 */
export const packingWith = (encryption: Encryption | undefined, allowsPlain: boolean): Packing => {
  if (encryption === undefined) {
    return {
      pack: (codec, level) => compress(codec, level === undefined ? {} : { level }),
      unpack: (codec) => seeing((head) => unpackPlain(codec, head)),
    };
  }
  return {
    pack: (codec, level) => {
      const packed = compress(codec, level === undefined ? {} : { level });
      return (source) => encryption.encrypt(packed(source));
    },
    unpack: (codec) =>
      seeing((head) => {
        if (!isPlain(encryption, codec, head)) {
          return (source) => decompress(codec)(encryption.decrypt(source));
        }
        if (allowsPlain) return decompress(codec);
        throw new PipelineError('object-damaged', {
          message: `it is not encrypted, although a key for ${encryption.kind} is set`,
          hint:
            'If it was written before encryption was switched on, set WALWARDEN_ALLOW_UNENCRYPTED=true; if not, ' +
            'somebody else has put it there.',
        });
      }),
  };
};

/** Enough for every mark below. */
const headBytes = 8;

/** What objects of a codec begin with: their magic numbers, in hex. */
const marks: Partial<Record<Codec, RegExp>> = {
  // A frame, a legacy frame, a skippable frame (lz4_Frame_format.md).
  lz4: /^(04224d18|02214c18|5.2a4d18)/,
  // A frame, a skippable frame (RFC 8878).
  zstd: /^(28b52ffd|5.2a4d18)/,
  // Deflate, and no flags that RFC 1952 reserves.
  gzip: /^1f8b08[01]/,
  lzo: /^894c5a4f000d0a1a/,
};

const kmsMark = Buffer.from('WWKMSE').toString('hex');
/** A public-key encrypted session key packet in the new or the old format (RFC 4880, 4.2). */
const openpgpMark = /^(c1|84|85|86)/;

const isPlain = (encryption: Encryption, codec: Codec, head: Buffer): boolean => {
  const hex = head.toString('hex');
  const mark = marks[codec];
  if (mark !== undefined) return mark.test(hex);
  switch (encryption.kind) {
    case 'kms-envelope':
      return !hex.startsWith(kmsMark);
    case 'openpgp':
      return !openpgpMark.test(hex);
    case 'libsodium':
      return false;
  }
};

/** Forgetting the key is the likeliest reason for an object that does not begin as it should. */
const unpackPlain = (codec: Codec, head: Buffer): Transform => {
  const hex = head.toString('hex');
  const mark = marks[codec];
  if (head.byteLength < 4 || (mark === undefined ? !hex.startsWith(kmsMark) : mark.test(hex))) {
    return decompress(codec);
  }
  throw new PipelineError('object-damaged', {
    message: `it does not begin as ${codec} does`,
    hint:
      'It is damaged, or encrypted with a key that no setting names: see WALWARDEN_LIBSODIUM_KEY, WALWARDEN_PGP_KEY ' +
      'and WALWARDEN_KMS_KEY_ID.',
  });
};

/** A transform that is chosen when the first bytes are known. */
const seeing = (choose: (head: Buffer) => Transform): Transform =>
  async function* (source) {
    const iterator = source[Symbol.asyncIterator]();
    const held: Uint8Array[] = [];
    let isOver = false;
    try {
      for (let bytes = 0; bytes < headBytes && !isOver; ) {
        const next = await iterator.next();
        if (next.done === true) {
          isOver = true;
        } else {
          held.push(next.value);
          bytes += next.value.byteLength;
        }
      }
      const head = Buffer.concat(held).subarray(0, headBytes);
      yield* choose(head)(
        (async function* () {
          yield* held;
          for (; !isOver; ) {
            const next = await iterator.next();
            if (next.done === true) return;
            yield next.value;
          }
        })(),
      );
    } finally {
      await iterator.return?.();
    }
  };
