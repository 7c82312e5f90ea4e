/** From chatty to grave. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * What an event tells besides its action. Known to every format: `state` ('begin', 'progress', 'complete', 'skip',
 * 'retry', 'fail'), `key`, `bytes` and `seconds`, from which `rate` (bytes a second) follows.
 */
export type Facts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export type LogEvent = {
  readonly time: Date;
  readonly level: LogLevel;
  readonly action: string;
  readonly facts: Facts;
  /** For people: says in words what the facts do not. */
  readonly message: string | undefined;
};
