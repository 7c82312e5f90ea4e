#!/usr/bin/env node
/**
 * The door of the agent: what must hold whatever else fails. It imports nothing of ours before its own guards stand,
 * because a Node that dies by itself exits with 1, and 1 from restore_command tells PostgreSQL that the archive has
 * come to its end: it would end recovery and promote with rows missing.
 */

/** The launcher asks for a status of its own for "proven absent", which no dying Node gives by accident. */
const [first = '', ...others] = process.argv.slice(2);
const absentStatus = /^--absent-status=(\d{1,3})$/.exec(first)?.[1];
const line = absentStatus === undefined ? process.argv.slice(2) : others;
const bugStatus = line.includes('wal-fetch') ? 255 : 70;

// Holds until the end is reached: a promise that nothing settles lets Node end as if all were well.
process.exitCode = bugStatus;
let reportBug = (error: unknown): void => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
};
const dieOf = (error: unknown): never => {
  reportBug(error);
  process.exit(bugStatus);
};
process.on('uncaughtException', dieOf);
process.on('unhandledRejection', dieOf);
process.stderr.on('error', () => {
  // Nobody reads the log any more; the work goes on.
});

const { openProgram } = await import('./program.ts');
const { interruptsOf } = await import('./host/interrupts.ts');
const { systemClock } = await import('./host/system-clock.ts');
const { commands } = await import('./commands/index.ts');
const { defaultConfigFile } = await import('./settings/config-file.ts');

const program = openProgram({
  line,
  environment: process.env,
  defaultConfigFile: defaultConfigFile(),
  stdout: process.stdout,
  stderr: process.stderr,
  pid: process.pid,
  clock: systemClock,
  signal: interruptsOf(process, bugStatus),
  bugStatus,
});
reportBug = program.reportBug;
process.removeAllListeners('warning');
process.on('warning', program.reportWarning);

const status = await program.run(commands);
process.exit(status === 1 && absentStatus !== undefined ? Number(absentStatus) : status);
