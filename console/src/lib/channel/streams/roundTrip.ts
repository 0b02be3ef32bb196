/** The estimate of a stream's round-trip time, with the constants of AWS's ends (client.md §7.1, §13). Seconds. */

const GRANULARITY = 0.01;
export const MAX_TIMEOUT = 1.0;

export class RoundTrip {
  roundTrip = 0.1;
  variation = 0;
  /** The retransmission timeout. */
  timeout = 0.2;
  /** The shortest sample: the way without waiting in anybody's queue. */
  shortest = Infinity;
  /** Follows the samples faster than `roundTrip`; null before the first. */
  recent: number | null = null;

  /** Adds a measurement: a message was acknowledged `seconds` after it was first sent. */
  sample(seconds: number): void {
    this.shortest = Math.min(this.shortest, seconds);
    this.recent = this.recent === null ? seconds : this.recent + (seconds - this.recent) / 4;
    this.variation += (Math.abs(this.roundTrip - seconds) - this.variation) / 4;
    this.roundTrip += (seconds - this.roundTrip) / 8;
    this.timeout = Math.min(MAX_TIMEOUT, this.roundTrip + Math.max(GRANULARITY, 4 * this.variation));
  }
}
