/**
 * The sending half of a stream: numbering, what is unacknowledged, what to send.
 *
 * Numbers start at 0; a resent message is the same bytes. When it is resent, and what an acknowledgement frees, depends
 * on whose agent is at the far end: `resending`.
 */

import { MessageType, PayloadType, SYN_FIN, encode, uuidText } from '../../wire/agentMessage';
import { OneByOne, WhenStuck, type Messages, type Outstanding, type Resending } from './resending';
import { RoundTrip } from './roundTrip';
import { MeasuredWindow, type Window } from './window';

/** Handed to the driver at a time, so that acknowledgements need not wait until a whole window is sent. */
const BATCH_BYTES = 256 * 1024;

/** What the engine does not read by itself: n random bytes, and milliseconds since the epoch for CreatedDate. */
export interface Surroundings {
  entropy(count: number): Uint8Array;
  wallClockMs(): number;
}

/** Returns a random UUID (version 4) in its text form. */
export function newMessageId(surroundings: Surroundings): string {
  const bytes = surroundings.entropy(16).slice();
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes);
}

/** Returns the frame of a message that is in no stream: an acknowledgement. */
export function unnumbered(messageType: string, payload: Uint8Array, surroundings: Surroundings): Uint8Array {
  return encode({
    messageType,
    sequenceNumber: 0n,
    flags: SYN_FIN,
    messageId: newMessageId(surroundings),
    createdDate: BigInt(surroundings.wallClockMs()),
    payloadType: PayloadType.NONE,
    payload,
    schemaVersion: 1,
  });
}

export class OutgoingStream {
  readonly roundTrip = new RoundTrip();
  private next = 0;
  private oldest = 0;
  private readonly outstanding: Messages = new Map();
  private unsent: number[] = [];
  private bytes = 0;
  private resending: Resending = new OneByOne(this.outstanding, this.roundTrip);
  private measured: MeasuredWindow | null = null;
  private digested = true;

  constructor(
    private readonly window: Window,
    private readonly surroundings: Surroundings,
  ) {}

  /** Notes that Ferryman's agent is at the far end, and whether it wants digests. Call it once. */
  meetFerryman(digested: boolean): void {
    this.digested = digested;
    this.resending = new WhenStuck(this.outstanding, this.roundTrip);
    this.measured = new MeasuredWindow(this.window, this.roundTrip);
  }

  /** How many messages are unacknowledged. */
  get size(): number {
    return this.outstanding.size;
  }

  get unacknowledgedBytes(): number {
    return this.bytes;
  }

  /** Returns how many payload bytes fit the window now, 0 when it is full. */
  capacity(): number {
    if (this.outstanding.size >= this.window.messages) return 0;
    return Math.max(0, (this.measured ?? this.window).bytes - this.bytes);
  }

  /** Adds the next message and returns its frame; the next `frames` sends it, whatever the window says. */
  add(payloadType: number, payload: Uint8Array): Uint8Array {
    const number = this.next++;
    const messageId = newMessageId(this.surroundings);
    const frame = encode(
      {
        messageType: MessageType.INPUT_STREAM_DATA,
        sequenceNumber: BigInt(number),
        flags: 0n,
        messageId,
        createdDate: BigInt(this.surroundings.wallClockMs()),
        payloadType,
        payload,
        schemaVersion: 1,
      },
      this.digested,
    );
    this.outstanding.set(number, {
      payloadType,
      messageId,
      frame,
      payloadSize: payload.length,
      sends: 0,
      firstSent: 0,
      due: Infinity,
    });
    this.bytes += payload.length;
    this.unsent.push(number);
    return frame;
  }

  /**
   * Frees the message that an acknowledgement names, and with Ferryman's agent all before it.
   *
   * Unknown numbers are ignored, and so is a known one with another message's id.
   */
  acknowledged(number: number, messageId: string, now: number): void {
    const item = this.outstanding.get(number);
    if (item === undefined || (messageId !== '' && messageId.toLowerCase() !== item.messageId)) return;
    if (item.sends === 1 || (item.sends > 1 && this.measured === null)) this.roundTrip.sample(now - item.firstSent);
    const before = this.bytes;
    this.free(number, item);
    if (this.measured !== null) {
      for (let earlier = this.oldest; earlier < number; earlier++) {
        const covered = this.outstanding.get(earlier);
        if (covered !== undefined) this.free(earlier, covered);
      }
      this.oldest = Math.max(this.oldest, number + 1);
      this.measured.acknowledged(before - this.bytes, now);
    }
    this.resending.acknowledged(item, now);
  }

  /** Resends everything immediately: Ferryman's agent lost it, and is back. */
  resume(): void {
    if (this.measured !== null) this.restart();
  }

  /** Returns what to send now: what is new, in order, then what is due to be resent, both bounded. Call until empty. */
  frames(now: number): Uint8Array[] {
    const resend = now >= this.resending.nextTimer();
    const frames: Uint8Array[] = [];
    let bytes = 0;
    let taken = 0;
    while (taken < this.unsent.length && bytes < BATCH_BYTES) {
      const item = this.outstanding.get(this.unsent[taken++]!);
      if (item === undefined) continue;
      frames.push(this.sent(item, now));
      bytes += item.frame.length;
    }
    this.unsent = this.unsent.slice(taken);
    if (resend && this.unsent.length === 0) {
      for (const number of this.resending.numbersToResend(now)) {
        frames.push(this.sent(this.outstanding.get(number)!, now));
      }
    }
    return frames;
  }

  /** Resends every unacknowledged message with the next `frames`, in order: the connection is new. */
  restart(): void {
    for (const item of this.outstanding.values()) {
      item.sends = 0;
      item.due = Infinity;
    }
    this.unsent = [...this.outstanding.keys()];
    this.resending.restart();
  }

  /** Returns when `frames` may have something, Infinity when nothing is on its way. */
  nextTimer(): number {
    return this.unsent.length > 0 ? 0 : this.resending.nextTimer();
  }

  private sent(item: Outstanding, now: number): Uint8Array {
    if (item.sends === 0) item.firstSent = now;
    item.sends += 1;
    this.resending.sent(item, now);
    return item.frame;
  }

  private free(number: number, item: Outstanding): void {
    this.outstanding.delete(number);
    this.bytes -= item.payloadSize;
  }
}
