import { spawnSync } from 'node:child_process';
import { brotliCompressSync, constants } from 'node:zlib';
import type { Skippable } from './postgres-parts.ts';

/** Turns a whole object into what a foreign program would have stored. None of our own encoders is behind any of them. */
export type ForeignEncoder = {
  readonly name: string;
  /** What the object's key ends with. */
  readonly suffix: string;
  encode(plain: Buffer): Buffer;
};

const hasProgram = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

const through =
  (program: string, ...args: readonly string[]) =>
  (input: Buffer): Buffer => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 2 ** 30 });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr.toString()}`);
    return stdout;
  };

const adler32 = (bytes: Buffer): number => {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return ((high << 16) | low) >>> 0;
};

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** The container that lzop writes from its standard input, with every block stored raw, which lzop does for noise. */
export const storedLzop = (plain: Buffer): Buffer => {
  const header = Buffer.from(`104020a0094001050300000d${'00000000'.repeat(3)}00`, 'hex');
  const blockBytes = 256 * 1024;
  const blocks: Buffer[] = [];
  for (let at = 0; at < plain.length; at += blockBytes) {
    const block = plain.subarray(at, at + blockBytes);
    const adler = uint32(adler32(block));
    blocks.push(uint32(block.length), uint32(block.length), adler, block);
  }
  const magic = Buffer.from('894c5a4f000d0a1a0a', 'hex');
  return Buffer.concat([magic, header, uint32(adler32(header)), ...blocks, uint32(0)]);
};

type Recipe = ForeignEncoder & { readonly program?: string };

/** As WAL-G writes them, and what else its reader takes. */
const recipes: readonly Recipe[] = [
  { name: 'lz4', suffix: '.lz4', program: 'lz4', encode: through('lz4', '-c', '-B7', '-q') },
  {
    name: 'lz4 in linked blocks',
    suffix: '.lz4',
    program: 'lz4',
    encode: through('lz4', '-c', '-B4', '-BD', '-q'),
  },
  { name: 'zst', suffix: '.zst', program: 'zstd', encode: through('zstd', '-c', '-1', '-q') },
  { name: 'gz', suffix: '.gz', program: 'gzip', encode: through('gzip', '-c', '-1') },
  {
    name: 'br',
    suffix: '.br',
    encode: (plain) => brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }),
  },
  { name: 'lzma', suffix: '.lzma', program: 'xz', encode: through('xz', '--format=lzma', '-0', '-c') },
  { name: 'lzo in stored blocks', suffix: '.lzo', encode: storedLzop },
  { name: 'lzo', suffix: '.lzo', program: 'lzop', encode: through('lzop', '-c', '-1') },
  { name: 'none', suffix: '', encode: (plain) => plain },
];

export const foreignEncoderNames: readonly string[] = recipes.map(({ name }) => name);

/** Found on every machine that this project is tested on as a whole; the others a newcomer may lack. */
const demandedPrograms: ReadonlySet<string> = new Set(['gzip', 'xz', 'zstd', 'lz4']);

/** The encoder, or `undefined` after the test was skipped because its program is missing. */
export const demandEncoder = (t: Skippable, name: string): ForeignEncoder | undefined => {
  const recipe = recipes.find((candidate) => candidate.name === name);
  if (recipe === undefined) throw new Error(`there is no encoder ${name}`);
  if (recipe.program === undefined || hasProgram(recipe.program)) return recipe;
  const message = `${recipe.program} is missing, which makes objects in ${name}`;
  const isDemanded = process.env.WALWARDEN_DEMAND_PARTS === '1' && demandedPrograms.has(recipe.program);
  if (isDemanded) throw new Error(message);
  t.skip(demandedPrograms.has(recipe.program) ? message : `second opinion: ${message}`);
  return undefined;
};

/** For tests that are not about codecs. */
export const plainEncoder: ForeignEncoder = { name: 'none', suffix: '', encode: (plain) => plain };

/** What lzop would have written, through lzop where it is installed. */
export const lzopEncoder = (): ForeignEncoder => ({
  name: 'lzo',
  suffix: '.lzo',
  encode: hasProgram('lzop') ? through('lzop', '-c', '-1') : storedLzop,
});
