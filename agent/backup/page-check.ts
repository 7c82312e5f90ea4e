import type { FileHandle } from 'node:fs/promises';
import { relationFileOf } from '../../lib/core/backup/exclusions.ts';
import { pageBytes, pagesPerRelationSegment, pageVerifier } from '../../lib/core/backup/page.ts';
import type { Lsn } from '../../lib/core/wal/lsn.ts';

/** PostgreSQL writes pages while they are read; a torn one is whole again at once. */
const rereads = 5;
/** Enough to see a pattern; the count goes on. */
const namedPages = 100;

export type DamagedPage = { readonly path: string; readonly blockNumber: number };

/** What the data pages of a backup were found to be. */
export type PageCheck = {
  /** Verifies a file's chunks in order; `undefined` for a file that holds no checksummed pages. */
  begin(
    path: string,
    file: FileHandle,
  ): { verify(chunk: Buffer, position: number): Promise<void> } | undefined;
  readonly damagedPages: () => number;
  /** The first of them. */
  readonly damaged: () => readonly DamagedPage[];
  readonly verifiedPages: () => number;
};

/** For clusters without data checksums. */
export const noPages: PageCheck = {
  begin: () => undefined,
  damagedPages: () => 0,
  damaged: () => [],
  verifiedPages: () => 0,
};

/**
 * Verifies each data page while it is read for a backup that began at `startLsn`, as pg_basebackup does
 * (src/backend/backup/basebackup.c): a page written after the start is WAL's to repair, a page that fails is read again,
 * because it may have been caught half written, and only one that stays wrong is damaged.
 */
export const clusterPages = (startLsn: Lsn, onDamage: (page: DamagedPage) => void): PageCheck => {
  const verdictOf = pageVerifier(startLsn);
  const damaged: DamagedPage[] = [];
  let damagedPages = 0;
  let verifiedPages = 0;

  const report = (page: DamagedPage): void => {
    damagedPages += 1;
    if (damaged.length < namedPages) damaged.push(page);
    onDamage(page);
  };

  /** Replaces the page by a later, sound reading of it; false when there is none. */
  const healed = async (
    page: Buffer,
    file: FileHandle,
    position: number,
    block: number,
  ): Promise<boolean> => {
    const again = Buffer.alloc(pageBytes);
    for (let attempt = 0; attempt < rereads; attempt += 1) {
      const { bytesRead } = await file.read(again, 0, pageBytes, position);
      // The relation was truncated under the reader; replay does that again.
      if (bytesRead < pageBytes) return true;
      if (verdictOf(again, block) === 'damaged') continue;
      page.set(again);
      return true;
    }
    return false;
  };

  return {
    begin(path, file) {
      const relation = relationFileOf(path);
      if (relation === undefined) return undefined;
      const firstBlock = relation.segmentNumber * pagesPerRelationSegment;
      return {
        async verify(chunk, position) {
          for (let offset = 0; offset + pageBytes <= chunk.length; offset += pageBytes) {
            const blockNumber = firstBlock + (position + offset) / pageBytes;
            verifiedPages += 1;
            const page = chunk.subarray(offset, offset + pageBytes);
            if (verdictOf(page, blockNumber) !== 'damaged') continue;
            if (!(await healed(page, file, position + offset, blockNumber))) report({ path, blockNumber });
          }
        },
      };
    },
    damagedPages: () => damagedPages,
    damaged: () => damaged,
    verifiedPages: () => verifiedPages,
  };
};
