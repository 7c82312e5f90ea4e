import { readFileSync } from 'node:fs';
import { setInterval } from 'node:timers';
import { type AgentOptions, type AgentResult, spawnAgent } from './agent.ts';

export type MeasuredAgent = AgentResult & {
  /** The most memory that it held at once, `undefined` where /proc does not tell. */
  readonly peakMiB: number | undefined;
  readonly seconds: number;
};

const sampleMs = 50;

/**
 * Runs the agent and keeps an eye on its resident memory. The kernel keeps the high-water mark (proc(5), VmHWM), so only
 * what it grows by after the last sample is missed.
 */
export const measureAgent = async (
  args: readonly string[],
  options: AgentOptions,
): Promise<MeasuredAgent> => {
  const begin = performance.now();
  const agent = spawnAgent(args, options);
  let peakKiB: number | undefined;
  const sample = (): void => {
    peakKiB = highWaterKiB(agent.pid) ?? peakKiB;
  };
  const timer = setInterval(sample, sampleMs);
  try {
    const result = await agent.finished;
    return {
      ...result,
      peakMiB: peakKiB === undefined ? undefined : Math.round(peakKiB / 1024),
      seconds: (performance.now() - begin) / 1000,
    };
  } finally {
    clearInterval(timer);
  }
};

/** The launcher becomes the agent by exec, so its pid is the agent's. */
const highWaterKiB = (pid: number): number | undefined => {
  try {
    const [, text] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return text === undefined ? undefined : Number(text);
  } catch {
    return undefined;
  }
};
