import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutParts, gatherParts } from '../../lib/aws/s3-parts.ts';

async function* streamed(chunks: readonly Uint8Array[]) {
  // One buffer for all chunks, as a source may do: a part must not change with it.
  const reused = Buffer.alloc(Math.max(0, ...chunks.map((chunk) => chunk.byteLength)));
  for (const chunk of chunks) {
    reused.set(chunk);
    yield reused.subarray(0, chunk.byteLength);
    reused.fill(0);
  }
}

test('the parts of a body are its bytes, all but the last of full length, and only the last is called so', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 60 }), async (body, partBytes) => {
      const whole = Buffer.concat(body);
      for (const cut of [gatherParts(streamed(body), partBytes), cutParts(whole, partBytes)]) {
        const parts = await Array.fromAsync(cut);
        assert.deepEqual(Buffer.concat(parts.map(({ bytes }) => bytes)), whole);
        assert.deepEqual(
          parts.map(({ isLast }) => isLast),
          parts.map((_, index) => index === parts.length - 1),
        );
        for (const { bytes, isLast } of parts) {
          if (!isLast) assert.equal(bytes.byteLength, partBytes);
          else assert(bytes.byteLength > 0 || whole.byteLength === 0, 'no empty part follows others');
        }
      }
    }),
  );
});
