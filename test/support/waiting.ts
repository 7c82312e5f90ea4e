import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 10;

/**
 * Looks again and again until `look` answers with something other than undefined and false. Past the deadline it throws with what
 * was waited for and, where given, what the place looks like now.
 */
export const eventually = async <Seen>(
  what: string,
  look: () => Promise<Seen | undefined | false> | Seen | undefined | false,
  options?: { readonly timeoutMs?: number; readonly explain?: () => string },
): Promise<Seen> => {
  const timeoutMs = options?.timeoutMs ?? 30_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) {
      const explanation = options?.explain?.() ?? '';
      throw new Error(`${what} did not happen within ${timeoutMs} ms\n${explanation}`.trimEnd());
    }
    await sleep(pollMs);
  }
};
