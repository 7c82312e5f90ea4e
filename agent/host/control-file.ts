import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32c } from '../../lib/codec/crc32c.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { parseSystemIdentifier, type SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';

/**
 * `global/pg_control` of a data directory. PostgreSQL overwrites it in place (src/common/controldata_utils.c), so a
 * reader can meet it half written; its CRC tells, and reading it again heals it.
 */
export type ControlFile = { readonly bytes: Buffer; readonly systemIdentifier: SystemIdentifier };

/** PG_CONTROL_FILE_SIZE, src/include/catalog/pg_control.h. */
const controlFileBytes = 8192;

/** The structure grows from major to major and its CRC is its last field, so its end is looked for. */
const structureBytes = { from: 200, to: 512 };

const hasSoundCrc = (bytes: Buffer): boolean => {
  for (let end = structureBytes.from; end <= structureBytes.to; end += 4) {
    if (bytes.readUInt32LE(end) === crc32c(bytes.subarray(0, end))) return true;
  }
  return false;
};

/**
 * @throws 'file-unreadable' when there is no such file, 'wal-content-invalid' when it stays unsound over several reads
 */
export const readControlFile = async (dataDirectory: string): Promise<ControlFile> => {
  const path = join(dataDirectory, 'global', 'pg_control');
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw new PipelineError('file-unreadable', {
        message: `${path} cannot be read`,
        hint: 'Is this the data directory of a PostgreSQL cluster, and may this user read it?',
        cause,
      });
    });
    if (bytes.length === controlFileBytes && hasSoundCrc(bytes)) {
      return { bytes, systemIdentifier: parseSystemIdentifier(bytes.readBigUInt64LE(0)) };
    }
  }
  throw new PipelineError('file-unreadable', {
    message: `${path} has no sound checksum in ten reads`,
    hint: 'The control file is damaged; pg_controldata shows what PostgreSQL makes of it.',
  });
};

/**
 * The identity of the cluster that a WAL file's path belongs to, where it can be told: PostgreSQL runs both commands
 * in the data directory with a path below pg_wal, and pg_control lies beside that. Read by the path's text, because
 * pg_wal may be a symbolic link to another file system.
 */
export const clusterOfWalPath = async (path: string): Promise<SystemIdentifier | undefined> => {
  try {
    return (await readControlFile(dirname(dirname(path)))).systemIdentifier;
  } catch {
    return undefined;
  }
};
