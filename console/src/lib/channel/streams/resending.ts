/** When an unacknowledged message is sent again, by what the peer's acknowledgements mean. Times are seconds. */

import { MAX_TIMEOUT, type RoundTrip } from './roundTrip';

const RESEND_TICK = 0.1;
const RESEND_MESSAGES = 32;
/** A peer that is alive but stalled acknowledges nothing: a tick must not flood it. One message is always resent. */
const RESEND_BYTES = 128 * 1024;
/** The longest wait for the next acknowledgement on the slowest path; on slower ones messages travel twice. */
const MAX_WAIT = 5.0;
const MAX_DOUBLINGS = 8;

/** One unacknowledged message. All but its content is about the present connection. */
export interface Outstanding {
  payloadType: number;
  messageId: string;
  frame: Uint8Array;
  payloadSize: number;
  sends: number;
  firstSent: number;
  due: number;
}

/** The unacknowledged messages by number, in the order of numbers. */
export type Messages = Map<number, Outstanding>;

export interface Resending {
  /** Notes that a message is sent, after its `sends` was raised. */
  sent(item: Outstanding, now: number): void;
  /** Notes that a message was acknowledged and removed. */
  acknowledged(item: Outstanding, now: number): void;
  numbersToResend(now: number): number[];
  /** Returns when `numbersToResend` may have something, Infinity for never. */
  nextTimer(): number;
  /** Starts over: everything will be sent again, over a new connection. */
  restart(): void;
}

/** With AWS's agent, which acknowledges each message by itself: each has a timer, which doubles up to a second. */
export class OneByOne implements Resending {
  private scanAt = Infinity;

  constructor(
    private readonly messages: Messages,
    private readonly roundTrip: RoundTrip,
  ) {}

  sent(item: Outstanding, now: number): void {
    const doublings = Math.min(item.sends - 1, MAX_DOUBLINGS);
    item.due = now + Math.min(MAX_TIMEOUT, Math.max(RESEND_TICK, this.roundTrip.timeout) * 2 ** doublings);
    this.scanAt = Math.min(this.scanAt, item.due);
  }

  acknowledged(): void {
    if (this.messages.size === 0) this.scanAt = Infinity;
  }

  numbersToResend(now: number): number[] {
    const due = [...this.messages].filter(([, item]) => item.due <= now).sort(([, a], [, b]) => a.due - b.due);
    const taken: number[] = [];
    let bytes = 0;
    for (const [number, item] of due.slice(0, RESEND_MESSAGES)) {
      bytes += item.frame.length;
      if (taken.length > 0 && bytes > RESEND_BYTES) break;
      taken.push(number);
    }
    let next = Infinity;
    for (const [number, item] of this.messages) {
      if (item.due > now || !taken.includes(number)) next = Math.min(next, item.due);
    }
    this.scanAt = Math.max(next, now + RESEND_TICK);
    return taken;
  }

  nextTimer(): number {
    return this.scanAt;
  }

  restart(): void {
    this.scanAt = Infinity;
  }
}

/**
 * With Ferryman's agent, whose acknowledgements stand for all before them.
 *
 * Connections keep the order, so while acknowledgements come nothing is lost, however long they take. When none has
 * come for a while, the oldest message is sent again, more and more rarely. If that one is then acknowledged and still
 * nothing else, the rest is lost, and all of it is sent again.
 */
export class WhenStuck implements Resending {
  private due = Infinity;
  private doublings = 0;
  private restIsLost = false;
  private progressAt = Infinity;
  private lastWait = 0;

  constructor(
    private readonly messages: Messages,
    private readonly roundTrip: RoundTrip,
  ) {
    for (const item of messages.values()) this.due = Math.min(this.due, item.due);
  }

  sent(_item: Outstanding, now: number): void {
    if (this.due !== Infinity) return;
    this.progressAt = now;
    this.due = now + this.patience();
  }

  acknowledged(item: Outstanding, now: number): void {
    this.restIsLost = item.sends > 1;
    if (item.sends === 1) this.doublings = 0; // otherwise nobody knows which of its copies was acknowledged
    this.lastWait = Math.max(0, now - this.progressAt);
    this.progressAt = now;
    this.due = this.messages.size > 0 ? now + this.patience() : Infinity;
  }

  numbersToResend(now: number): number[] {
    const sent = [...this.messages].filter(([, item]) => item.sends > 0).map(([number]) => number);
    const taken = this.restIsLost ? sent : sent.slice(0, 1);
    this.restIsLost = false;
    this.doublings = Math.min(this.doublings + 1, MAX_DOUBLINGS);
    this.due = taken.length > 0 ? now + this.patience() : Infinity;
    return taken;
  }

  nextTimer(): number {
    return this.due;
  }

  restart(): void {
    this.due = Infinity;
    this.doublings = 0;
    this.restIsLost = false;
    this.lastWait = 0;
  }

  private patience(): number {
    const once = Math.max(RESEND_TICK, this.roundTrip.timeout, Math.min(MAX_WAIT, 2 * this.lastWait));
    return Math.min(once * 2 ** this.doublings, Math.max(MAX_TIMEOUT, once));
  }
}
