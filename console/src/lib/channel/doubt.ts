/**
 * Whether to try another connection, because nothing arrives on this one: its server may be lost without a word.
 *
 * Browsers cannot send pings, so what is unanswered is the question: the far end acknowledges everything. Whoever asks
 * moves only if another server answers, as Ferryman's other ends do (docs/decisions/0104). Times are seconds.
 */

const SILENCE = 6;
/** While more than this is unanswered, the relay may be waiting for a receiver that is behind. */
const MANY_BYTES = 64 * 1024;
const SILENCE_OF_MANY = 11;
const LONGEST = 60;
/** Then it is the node that is silent, whichever server relays. */
const TRIES = 5;
/** A timer that is this late says that our own page was stopped, and that nothing was read meanwhile. */
const LATE = 1;

export class Doubt {
  /** When `isDue` may be true, Infinity for never. */
  nextTimer = Infinity;
  private tries = 0;

  /** Notes that something has arrived. */
  heard(): void {
    this.nextTimer = Infinity;
    this.tries = 0;
  }

  /** Starts again with another connection; how often one was tried still counts. */
  connected(): void {
    this.nextTimer = Infinity;
  }

  /** Returns whether to try another connection now; `bytes` are unanswered, or null if nothing is. */
  isDue(now: number, bytes: number | null): boolean {
    if (bytes === null || this.tries >= TRIES) {
      this.nextTimer = Infinity;
      return false;
    }
    if (this.nextTimer === Infinity || now - this.nextTimer > LATE) this.nextTimer = now + this.patience(bytes);
    if (now < this.nextTimer) return false;
    this.nextTimer = Infinity;
    this.tries += 1;
    return true;
  }

  private patience(bytes: number): number {
    return Math.min(LONGEST, (bytes > MANY_BYTES ? SILENCE_OF_MANY : SILENCE) * 2 ** this.tries);
  }
}
