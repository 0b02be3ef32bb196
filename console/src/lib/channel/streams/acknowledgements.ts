/**
 * When acknowledgements are sent: most wait a moment, so that few frames stand for much. One is sent when the first that
 * waits has waited for WAIT seconds, when what waits stands for WAITING_BYTES or WAITING_MESSAGES, or when one that must
 * not wait was added.
 */

import { MessageType } from '../../wire/agentMessage';
import { encodeAcknowledge } from '../../wire/payloads';
import { unnumbered, type Surroundings } from './outgoing';

const WAIT = 0.008;
const WAITING_BYTES = 256 * 1024;
const WAITING_MESSAGES = 256;

interface Acknowledged {
  number: number;
  messageId: string;
  messageType: string;
}

export class Acknowledgements {
  /** Whether one acknowledgement stands for all messages before it. */
  cumulative = false;
  private newest: Acknowledged | null = null;
  private waiting: Acknowledged[] = [];
  private waitingBytes = 0;
  private waitingMessages = 0;
  private due = Infinity;

  constructor(private readonly surroundings: Surroundings) {}

  /** Acknowledges a message of `bytes` payload bytes that was consumed at `now`. */
  add(acknowledged: Acknowledged, bytes: number, now: number): void {
    if (this.cumulative) {
      if (this.newest === null || acknowledged.number >= this.newest.number) this.newest = acknowledged;
      this.waiting = [this.newest];
    } else {
      this.waiting.push(acknowledged);
    }
    this.waitingBytes += bytes;
    this.waitingMessages += 1;
    const enough = this.waitingBytes >= WAITING_BYTES || this.waitingMessages >= WAITING_MESSAGES;
    this.due = enough ? -Infinity : Math.min(this.due, now + WAIT);
  }

  /** Acknowledges a message of the handshake, or a duplicate: AWS's agent may be waiting for this one. */
  addUrgent(acknowledged: Acknowledged, now: number): void {
    this.add(acknowledged, 0, now);
    if (!this.cumulative) this.due = -Infinity;
  }

  /** Returns the acknowledge messages to send now, and forgets them. */
  frames(now: number): Uint8Array[] {
    if (now < this.due) return [];
    const frames = this.waiting.map((each) => {
      const payload = encodeAcknowledge(each.messageType, each.messageId, each.number);
      return unnumbered(MessageType.ACKNOWLEDGE, payload, this.surroundings);
    });
    this.waiting = [];
    this.waitingBytes = this.waitingMessages = 0;
    this.due = Infinity;
    return frames;
  }

  /** Returns when `frames` has something that waits now, Infinity for never. */
  nextTimer(): number {
    return this.due;
  }
}
