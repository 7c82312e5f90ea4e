import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compress, decompress } from '../../lib/codec/codec.ts';
import { run, semiCompressible } from './pieces.ts';

/** What the tools wrote, committed: see make.sh beside them. */
const fixtures = new URL('../fixtures/codec/', import.meta.url);
const plain = readFileSync(new URL('plain.txt', fixtures));
const endings = { '.lz4': 'lz4', '.zst': 'zstd', '.gz': 'gzip' } as const;

const expectedContent = (name: string): Buffer => {
  if (name.includes('empty')) return Buffer.alloc(0);
  return name.includes('twice') ? Buffer.concat([plain, plain]) : plain;
};

for (const [ending, codec] of Object.entries(endings)) {
  const names = readdirSync(fixtures).filter((name) => name.startsWith(`${codec}-`) && name.endsWith(ending));
  assert(names.length >= 4, `there are fixtures of ${codec}`);
  for (const name of names) {
    const object = readFileSync(new URL(name, fixtures));
    if (/legacy|too-long/.test(name)) {
      test(`${name} is refused as unsupported`, () =>
        assert.rejects(run(decompress(codec), object), { code: 'codec-unsupported' }));
      continue;
    }
    test(`${name} unpacks to its content, however the stream is cut into pieces`, async () => {
      for (const pieceBytes of [7, 4096, object.length]) {
        assert((await run(decompress(codec), object, pieceBytes)).equals(expectedContent(name)), name);
      }
    });
    test(`${name} cut short is refused`, async () => {
      for (let length = object.length - 1; length > 0; length -= 1 + Math.floor(object.length / 40)) {
        const isWholeFrame = /twice/.test(name) && (await unpacks(codec, object.subarray(0, length)));
        if (isWholeFrame) continue;
        await assert.rejects(run(decompress(codec), object.subarray(0, length)), { code: 'object-damaged' });
      }
    });
  }
}

/** Cut between two frames an object is whole by itself: only its length, which is known elsewhere, can tell. */
const unpacks = async (codec: 'lz4' | 'zstd' | 'gzip', object: Buffer): Promise<boolean> => {
  try {
    return (await run(decompress(codec), object)).equals(plain);
  } catch {
    return false;
  }
};

const hasTool = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;

for (const [tool, codec] of [
  ['lz4', 'lz4'],
  ['zstd', 'zstd'],
  ['brotli', 'brotli'],
] as const) {
  // What the tool writes is covered by the fixtures anywhere; that it reads what we write, only where it is.
  const missing = `no ${tool} on PATH: what we write was not read by it`;
  // Node's brotli is the tool's own library.
  const skip = hasTool(tool) ? false : tool === 'brotli' ? `second opinion: ${missing}` : missing;
  test(`the ${tool} tool unpacks what we pack`, { skip }, async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('x'), plain, semiCompressible(9_000_000)]) {
      const object = await run(compress(codec), bytes);
      const { status, stdout, stderr } = spawnSync(tool, ['-dc'], { input: object, maxBuffer: 2 ** 26 });
      assert.equal(status, 0, stderr.toString());
      assert(stdout.equals(bytes), `${bytes.length} bytes come back as they were`);
    }
  });
}

// The fixtures are too short for blocks of 1 and 4 MiB: the tool never makes a block larger than its input needs.
test('what the lz4 tool packs in large blocks is unpacked', {
  skip: !hasTool('lz4') && 'no lz4 on PATH',
}, async () => {
  const bytes = semiCompressible(9_000_000);
  for (const [option, blockCode] of [
    ['-B6', 6],
    ['-B7', 7],
  ] as const) {
    for (const more of [[], ['-BD', '-BX']]) {
      const object = spawnSync('lz4', ['-c', option, ...more], { input: bytes, maxBuffer: 2 ** 26 }).stdout;
      assert.equal((object[5] ?? 0) >> 4, blockCode, 'the blocks are as large as asked for');
      assert((await run(decompress('lz4'), object)).equals(bytes), [option, ...more].join(' '));
    }
  }
});
