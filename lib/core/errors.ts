/**
 * The closed list of what can go wrong in a way that an operator can act on.
 *
 * - `exitStatus` is what the agent exits with. It stays below 126, because PostgreSQL's archiver dies on 126, 127
 *   and everything above (src/backend/archive/shell_archive.c); the one exception, 255 of `wal-fetch`, is made at that
 *   command's door and nowhere else.
 * - `retry` says whether the same call may succeed later without anybody doing anything.
 *
 * Anything thrown that is not a `PipelineError` is our own bug and keeps its stack.
 */
export const errorTable = {
  'usage-wrong': { exitStatus: 2, retry: 'never' },
  'settings-invalid': { exitStatus: 3, retry: 'never' },
  'value-invalid': { exitStatus: 4, retry: 'never' },
  interrupted: { exitStatus: 5, retry: 'later' },
  'deadline-exceeded': { exitStatus: 6, retry: 'later' },

  'file-unreadable': { exitStatus: 10, retry: 'never' },
  'file-unwritable': { exitStatus: 11, retry: 'never' },

  'wal-name-invalid': { exitStatus: 20, retry: 'never' },
  'wal-content-invalid': { exitStatus: 21, retry: 'never' },
  'wal-content-differs': { exitStatus: 22, retry: 'never' },
  'archive-foreign': { exitStatus: 23, retry: 'never' },
  'archive-document-invalid': { exitStatus: 24, retry: 'never' },

  'object-absent': { exitStatus: 30, retry: 'never' },
  'object-damaged': { exitStatus: 31, retry: 'never' },
  'object-exists': { exitStatus: 32, retry: 'never' },
  'codec-unsupported': { exitStatus: 33, retry: 'never' },
  'store-unavailable': { exitStatus: 34, retry: 'later' },
  'store-denied': { exitStatus: 35, retry: 'never' },
  'store-misconfigured': { exitStatus: 36, retry: 'never' },
  'key-refused': { exitStatus: 37, retry: 'never' },
  'object-changed': { exitStatus: 38, retry: 'later' },

  'backup-absent': { exitStatus: 40, retry: 'never' },
  'backup-damaged': { exitStatus: 41, retry: 'never' },
  'backup-wal-missing': { exitStatus: 42, retry: 'later' },
  'page-corrupt': { exitStatus: 43, retry: 'never' },
  'timeline-changed': { exitStatus: 44, retry: 'later' },
  'target-not-empty': { exitStatus: 45, retry: 'never' },
  'tablespace-unmapped': { exitStatus: 46, retry: 'never' },
  'retention-refused': { exitStatus: 47, retry: 'never' },

  'postgres-unavailable': { exitStatus: 50, retry: 'later' },
  'postgres-unsupported': { exitStatus: 51, retry: 'never' },
  'postgres-misconfigured': { exitStatus: 52, retry: 'never' },
} as const satisfies Record<string, { readonly exitStatus: number; readonly retry: 'never' | 'later' }>;

export type ErrorCode = keyof typeof errorTable;

/**
 * What failed, for a person. `message` is lower case without a final stop and names the thing and its numbers; `hint`
 * is a full sentence that says what to check or run.
 */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    facts: { readonly message: string; readonly hint?: string | undefined; readonly cause?: unknown },
  ) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.hint = facts.hint;
  }

  get exitStatus(): number {
    return errorTable[this.code].exitStatus;
  }

  get retry(): 'never' | 'later' {
    return errorTable[this.code].retry;
  }
}

/** True for a `PipelineError`, and where codes are named, only for one with one of them. */
export const isPipelineError = (thrown: unknown, ...codes: readonly ErrorCode[]): thrown is PipelineError =>
  thrown instanceof PipelineError && (codes.length === 0 || codes.includes(thrown.code));
