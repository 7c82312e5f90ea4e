import { PipelineError } from '../errors.ts';
import {
  type ManifestEnd,
  type ManifestFile,
  type ManifestHeader,
  type ManifestLine,
  type ManifestPart,
  parseManifestLine,
} from './manifest.ts';
import { isPathInside } from './member-path.ts';

/** Takes a manifest's lines in their order and believes none of them. */
export type ManifestReader = {
  /**
   * @param text one line, with or without its newline
   * @throws 'archive-document-invalid' for a line that cannot be read, 'backup-damaged' for one that does not belong
   *   here or names a path outside of the data directory
   */
  accept(text: string): ManifestLine;
  /** To be called after the last line. @throws 'backup-damaged' when the `end` line was not it */
  finish(): ManifestEnd;
};

const damaged = (message: string): PipelineError =>
  new PipelineError('backup-damaged', {
    message,
    hint: 'Restore another base backup; "walwarden backup-list" shows them.',
  });

type Progress = {
  header: ManifestHeader | undefined;
  end: ManifestEnd | undefined;
  filesLeft: number;
  files: number;
  bytes: number;
  readonly objects: Set<string>;
};

const isObjectName = (name: string): boolean => isPathInside(name) && !name.includes('/');

const beginPart = (progress: Progress, part: ManifestPart, what: string): void => {
  if (!isObjectName(part.object)) {
    throw damaged(`${what} names the part ${JSON.stringify(part.object.slice(0, 200))}`);
  }
  if (progress.objects.has(part.object)) throw damaged(`${what} lists part ${part.object} twice`);
  progress.objects.add(part.object);
  progress.filesLeft = part.files;
};

const takeFile = (progress: Progress, file: ManifestFile, what: string): void => {
  if (progress.filesLeft === 0) throw damaged(`${what} is a file that its part does not count`);
  if (!isPathInside(file.path)) {
    throw damaged(`${what} names the file ${JSON.stringify(file.path.slice(0, 200))}`);
  }
  progress.filesLeft -= 1;
  progress.files += 1;
  progress.bytes += file.bytes;
};

const takeEnd = (progress: Progress, end: ManifestEnd, what: string): void => {
  const parts = progress.objects.size;
  if (end.parts !== parts || end.files !== progress.files || end.bytes !== progress.bytes) {
    throw damaged(
      `${what} ends after ${parts} parts and ${progress.files} files of ${progress.bytes} bytes, ` +
        `but should have ${end.parts}, ${end.files} and ${end.bytes}`,
    );
  }
  progress.end = end;
};

const take = (progress: Progress, line: ManifestLine, what: string): void => {
  if (progress.end !== undefined) throw damaged(`${what} follows the end of the manifest`);
  if ((progress.header === undefined) !== (line.kind === 'backup')) {
    throw damaged(`${what} is of kind ${line.kind}, but the first line alone describes the backup`);
  }
  if (line.kind !== 'file' && progress.filesLeft > 0) {
    throw damaged(`${what} comes ${progress.filesLeft} files too early`);
  }
  switch (line.kind) {
    case 'backup':
      progress.header = line;
      return;
    case 'part':
      beginPart(progress, line, what);
      return;
    case 'file':
      takeFile(progress, line, what);
      return;
    case 'end':
      takeEnd(progress, line, what);
  }
};

/** Checks a manifest while it streams by. It holds the names of the parts, never those of the files. */
export const manifestReader = (what: string): ManifestReader => {
  const progress: Progress = {
    header: undefined,
    end: undefined,
    filesLeft: 0,
    files: 0,
    bytes: 0,
    objects: new Set(),
  };
  let lineNumber = 0;
  return {
    accept(text) {
      lineNumber += 1;
      const place = `${what}, line ${lineNumber},`;
      const line = parseManifestLine(text, place);
      take(progress, line, place);
      return line;
    },
    finish() {
      if (progress.end === undefined) throw damaged(`${what} stops after line ${lineNumber}, before its end`);
      return progress.end;
    },
  };
};
