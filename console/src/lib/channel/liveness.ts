/**
 * Whether the far end still answers, of which its silence says nothing: it may have nothing to say. So after a while
 * it is asked, by a message that it has had: Ferryman's agent acknowledges a duplicate again. Times are seconds.
 */

const ASK_AFTER = 10;
const ASK_EVERY = 5;
/** So many, unanswered for ASK_EVERY each, mean that the far end does not answer. */
const QUESTIONS = 3;
/** A timer that is this late says that our own page was stopped, and that nothing was read meanwhile. */
const LATE = 1;

export class Liveness {
  /** From when the far end does not answer until it does, over connections. */
  silent = false;
  /** When `isDue` may be true, Infinity for never. */
  nextTimer = Infinity;
  private questions = 0;

  /** Whether a question of this connection is unanswered. */
  get isAsking(): boolean {
    return this.questions > 0;
  }

  /** Follows a connection from now on; idempotent. */
  start(now: number): void {
    if (this.nextTimer === Infinity) this.nextTimer = now + ASK_AFTER;
  }

  /** Stops asking: the connection is gone. */
  stop(): void {
    this.nextTimer = Infinity;
    this.questions = 0;
  }

  /** Notes a frame from the far end; returns whether it had counted as silent. */
  heard(now: number): boolean {
    const wasSilent = this.silent;
    this.silent = false;
    this.questions = 0;
    if (this.nextTimer !== Infinity) this.nextTimer = now + ASK_AFTER;
    return wasSilent;
  }

  /** Returns whether to ask now; `silent` may have become true. */
  isDue(now: number): boolean {
    if (now < this.nextTimer) return false;
    if (now - this.nextTimer > LATE) this.questions = 0;
    this.silent = this.silent || this.questions >= QUESTIONS;
    this.questions += 1;
    this.nextTimer = now + ASK_EVERY;
    return true;
  }
}
