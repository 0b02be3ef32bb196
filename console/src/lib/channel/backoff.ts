/** How long to wait before the next attempt: growing, capped, with jitter, so that browsers do not return together. */

const INITIAL = 0.1;
const CAP = 5;
const JITTER = 0.5;

/** Returns seconds before retry number `attempt`, counted from 0; `random` is in [0, 1). */
export function delay(attempt: number, random: number): number {
  return Math.min(CAP, INITIAL * 2 ** Math.min(attempt, 30)) * (1 - JITTER * random);
}
