import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../lib/codec/crc32c.ts';

const bytes = (length: number, at: (index: number) => number) =>
  Uint8Array.from({ length }, (_, index) => at(index));

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
const vectors: readonly (readonly [what: string, input: Uint8Array, crc: number])[] = [
  ['nothing', new Uint8Array(0), 0],
  ['the check string', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', bytes(32, () => 0xff), 0x62a8ab43],
  ['32 bytes counting up', bytes(32, (index) => index), 0x46dd794e],
  ['32 bytes counting down', bytes(32, (index) => 31 - index), 0x113fdb5c],
];

for (const [what, input, crc] of vectors) {
  test(`the CRC-32C of ${what} is the published one`, () => assert.equal(crc32c(input), crc));
}

test('a checksum taken in pieces equals the one taken at once', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (input, cut) => {
      assert.equal(crc32c(input.subarray(cut), crc32c(input.subarray(0, cut))), crc32c(input));
    }),
  );
});
