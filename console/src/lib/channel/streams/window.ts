/** How much a sender may have unacknowledged: payload bytes and messages. */

import type { RoundTrip } from './roundTrip';

export interface Window {
  bytes: number;
  messages: number;
}

export const DEFAULT_WINDOW: Window = { bytes: 1 << 20, messages: 1024 };
/** Between Ferryman's ends; each holds at most this much for the other, and as much again ahead of a gap. */
export const MAX_WINDOW_BYTES = 16 << 20;

const GAIN = 2;
/** Seconds that processes may wait for a processor, in addition to the network's round trip. */
const SCHEDULING = 0.01;
/** Seconds over which a rate is measured, or a round trip if that is longer. */
const INTERVAL = 0.02;
const FORGETTING = 0.95;

/** A window that grows to what the path can carry: the measured rate times the shortest round trip, and a margin. */
export class MeasuredWindow {
  bytes: number;
  private acknowledgedBytes = 0;
  private began: number | null = null;
  private rate = 0;

  constructor(
    private readonly least: Window,
    private readonly roundTrip: RoundTrip,
  ) {
    this.bytes = least.bytes;
  }

  acknowledged(bytes: number, now: number): void {
    this.acknowledgedBytes += bytes;
    if (this.began === null) {
      this.began = now;
      this.acknowledgedBytes = 0;
      return;
    }
    const seconds = now - this.began;
    if (seconds < Math.max(INTERVAL, Math.min(this.roundTrip.roundTrip, 1))) return;
    this.rate = Math.max(this.acknowledgedBytes / seconds, this.rate * FORGETTING);
    this.acknowledgedBytes = 0;
    this.began = now;
    const product = this.rate * (this.roundTrip.shortest + SCHEDULING) * GAIN;
    this.bytes = Math.floor(Math.max(this.least.bytes, Math.min(MAX_WINDOW_BYTES, product)));
  }
}
