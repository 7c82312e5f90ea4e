import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';

/** As the headers of S3 carry it: four bytes, most significant first, in base64. */
export const formatCrc32 = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
};

export type RunningChecksum = {
  readonly name: string;
  readonly expected: string;
  update(bytes: Uint8Array): void;
  digest(): Promise<string>;
};

const running = (
  name: string,
  expected: string,
  hash: { update(bytes: Uint8Array): unknown; digest(): Uint8Array | Promise<Uint8Array> },
): RunningChecksum => ({
  name,
  expected,
  update: (bytes) => {
    hash.update(bytes);
  },
  digest: async () => Buffer.from(await hash.digest()).toString('base64'),
});

const runningCrc32 = (expected: string): RunningChecksum => {
  let value = 0;
  return {
    name: 'CRC32',
    expected,
    update: (bytes) => {
      value = crc32(bytes, value);
    },
    digest: async () => formatCrc32(value),
  };
};

type Checksums = Pick<
  GetObjectCommandOutput,
  | 'ChecksumCRC32'
  | 'ChecksumCRC32C'
  | 'ChecksumCRC64NVME'
  | 'ChecksumSHA1'
  | 'ChecksumSHA256'
  | 'ChecksumType'
>;

// A checksum of the parts' checksums ends with '-' and their number; it says nothing about the bytes in their order.
const isOfWholeObject = (value: string | undefined): value is string =>
  value !== undefined && !value.includes('-');

/**
 * What the store says that the whole object's checksum is, ready to be computed along. We write CRC32; S3 gives
 * CRC64NVME to objects that came without any (Amazon S3 User Guide, "Checking object integrity").
 */
export const checksumOf = (answer: Checksums): RunningChecksum | undefined => {
  if (answer.ChecksumType === 'COMPOSITE') return undefined;
  const { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = answer;
  if (isOfWholeObject(ChecksumCRC32)) return runningCrc32(ChecksumCRC32);
  if (isOfWholeObject(ChecksumSHA256)) return running('SHA256', ChecksumSHA256, createHash('sha256'));
  if (isOfWholeObject(ChecksumSHA1)) return running('SHA1', ChecksumSHA1, createHash('sha1'));
  if (isOfWholeObject(ChecksumCRC64NVME)) return running('CRC64NVME', ChecksumCRC64NVME, new Crc64Nvme());
  if (isOfWholeObject(ChecksumCRC32C)) return running('CRC32C', ChecksumCRC32C, new Crc32c());
  return undefined;
};
