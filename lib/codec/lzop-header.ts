import { crc32 } from 'node:zlib';
import { adler32 } from './adler32.ts';
import { damaged, unsupported } from './damage.ts';
import type { ByteReader } from './streams.ts';

const magic = Buffer.from([0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]);

const flag = {
  adler32OfPlain: 0x1,
  adler32OfPacked: 0x2,
  extraField: 0x40,
  crc32OfPlain: 0x100,
  crc32OfPacked: 0x200,
  isMultipart: 0x400,
  filter: 0x800,
  crc32OfHeader: 0x1000,
  reserved: 0xfc000,
} as const;

/** Since this version the header says which version it needs, the level, and the upper half of the file's time. */
const version0940 = 0x0940;
const oldestVersion = 0x0900;
const newestVersion = 0x1040;

/** LZO1X-1, LZO1X-1(15) and LZO1X-999: three ways to pack, one to unpack. */
const methods: readonly number[] = [1, 2, 3];

/** The checksums that every block of the stream carries, in this order. */
export type BlockChecksums = {
  readonly adler32OfPlain: boolean;
  readonly crc32OfPlain: boolean;
  readonly adler32OfPacked: boolean;
  readonly crc32OfPacked: boolean;
};

/**
 * Reads the header of an lzop stream and verifies its checksum.
 *
 * @throws 'object-damaged'; 'codec-unsupported' for a sound header that asks for what lzop can but no archive holds
 */
export const readLzopHeader = async (reader: ByteReader): Promise<BlockChecksums> => {
  const fields = fieldReader(reader);
  if (!magic.equals(await fields.bytes(magic.byteLength)))
    throw damaged('lzo: the stream does not begin as lzop writes it');
  fields.beginChecksum();

  const version = await fields.uint16();
  if (version < oldestVersion) throw damaged(`lzo: the header claims lzop version 0x${version.toString(16)}`);
  await fields.uint16(); // the version of the library
  const neededVersion = version >= version0940 ? await fields.uint16() : version;
  const method = await fields.uint8();
  if (version >= version0940) await fields.uint8(); // the level
  const flags = await fields.uint32();
  if ((flags & flag.filter) !== 0) await fields.uint32();
  await fields.bytes(version >= version0940 ? 12 : 8); // the file's mode and time
  await fields.bytes(await fields.uint8()); // the file's name

  const covered = fields.endChecksum();
  const computed = (flags & flag.crc32OfHeader) === 0 ? adler32(covered) : crc32(covered);
  if ((await fields.uint32()) !== computed) throw damaged('lzo: the checksum of the header does not match');

  if (neededVersion > newestVersion) throw refused(`version 0x${neededVersion.toString(16)}`);
  if (!methods.includes(method)) throw refused(`method ${method}`);
  const beyond = flag.extraField | flag.isMultipart | flag.filter | flag.reserved;
  if ((flags & beyond) !== 0) throw refused(`flags 0x${(flags & beyond).toString(16)}`);
  return {
    adler32OfPlain: (flags & flag.adler32OfPlain) !== 0,
    crc32OfPlain: (flags & flag.crc32OfPlain) !== 0,
    adler32OfPacked: (flags & flag.adler32OfPacked) !== 0,
    crc32OfPacked: (flags & flag.crc32OfPacked) !== 0,
  };
};

const refused = (what: string) =>
  unsupported(
    `lzo: the header asks for ${what}`,
    'Unpack the object with "lzop -d" and pack it again with "lzop".',
  );

const fieldReader = (reader: ByteReader) => {
  let covered: Uint8Array[] = [];
  const bytes = async (byteCount: number): Promise<Buffer> => {
    const field = await reader.take(byteCount);
    if (field.byteLength < byteCount)
      throw damaged(`lzo: the stream ends at byte ${reader.position()} in its header`);
    covered.push(field);
    return Buffer.from(field.buffer, field.byteOffset, field.byteLength);
  };
  return {
    bytes,
    uint8: async () => (await bytes(1)).readUInt8(),
    uint16: async () => (await bytes(2)).readUInt16BE(),
    uint32: async () => (await bytes(4)).readUInt32BE(),
    beginChecksum: () => {
      covered = [];
    },
    endChecksum: () => Buffer.concat(covered),
  };
};
