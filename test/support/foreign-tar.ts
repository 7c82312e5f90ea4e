/** A tar member as a test wants it, sound or not. */
export type TarMember = {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly content: Buffer;
  readonly link?: string;
};

const blockBytes = 512;
const typeFlags = { file: '0', directory: '5', symlink: '2' } as const;

/** POSIX 1003.1 ustar; the names of a data directory fit its 100 bytes. */
const headerOf = (member: TarMember): Buffer => {
  const header = Buffer.alloc(blockBytes);
  const name = member.kind === 'directory' && !member.name.endsWith('/') ? `${member.name}/` : member.name;
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long for a plain tar`);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  header.write(name, 0);
  header.write(`${octal(member.mode, 7)}\0`, 100);
  header.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108);
  header.write(`${octal(member.content.length, 11)}\0`, 124);
  header.write(`${octal(member.mtimeSeconds, 11)}\0`, 136);
  header.write(' '.repeat(8), 148);
  header.write(typeFlags[member.kind], 156);
  header.write(member.link ?? '', 157);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
};

const padding = (bytes: number): Buffer => Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);

/** A whole tar, its end mark included. Written from the format, for archives that our own writer must not make. */
export const foreignTar = (members: readonly TarMember[]): Buffer =>
  Buffer.concat([
    ...members.flatMap((member) => [headerOf(member), member.content, padding(member.content.length)]),
    Buffer.alloc(2 * blockBytes),
  ]);

/** Takes a plain tar apart, as a reader that knows nothing but the format; PAX headers give the path where they have one. */
export const readForeignTar = (bytes: Buffer): readonly TarMember[] => {
  const members: TarMember[] = [];
  let longName: string | undefined;
  let next = 0;
  while (next < bytes.length && bytes[next] !== 0) {
    const at = next;
    const field = (offset: number, length: number): string =>
      bytes.toString('utf8', at + offset, at + offset + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 12).trim() || '0', 8);
    const type = field(156, 1);
    const content = bytes.subarray(at + blockBytes, at + blockBytes + size);
    next = at + blockBytes + size + padding(size).length;
    if (type === 'x') {
      longName = /\d+ path=(.*)\n/.exec(content.toString())?.[1];
      continue;
    }
    members.push({
      name: longName ?? field(0, 100),
      kind: type === '5' ? 'directory' : type === '2' ? 'symlink' : 'file',
      mode: Number.parseInt(field(100, 8).trim(), 8),
      mtimeSeconds: Number.parseInt(field(136, 12).trim(), 8),
      content,
      link: field(157, 100),
    });
    longName = undefined;
  }
  return members;
};
