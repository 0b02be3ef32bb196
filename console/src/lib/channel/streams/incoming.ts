/**
 * The receiving half of a stream: order, duplicates, acknowledgements.
 *
 * Messages are handed on in order. Each is acknowledged when it is consumed; a duplicate of a consumed message is
 * acknowledged again, because its acknowledgement may be lost.
 */

import type { AgentMessage } from '../../wire/agentMessage';
import { Acknowledgements } from './acknowledgements';
import type { Surroundings } from './outgoing';

const AHEAD_MESSAGES = 10_000;

interface Unconsumed {
  messageId: string;
  messageType: string;
  bytes: number;
}

/**
 * Orders what arrives, hands it out one by one, and acknowledges what is consumed.
 *
 * It holds at most `limit` payload bytes that arrived ahead of a gap and as many that were handed out and are not
 * consumed. What does not fit is dropped unacknowledged: the peer sends it again.
 */
export class IncomingStream {
  /** The sequence number that is handed out next. */
  expected = 0;
  private consumed = 0;
  private readonly ahead = new Map<number, AgentMessage>();
  private aheadBytes = 0;
  private readonly unconsumed = new Map<number, Unconsumed>();
  private unconsumedBytes = 0;
  private readonly due: Acknowledgements;

  constructor(
    private limit: number,
    surroundings: Surroundings,
  ) {
    this.due = new Acknowledgements(surroundings);
  }

  /** Acknowledges many messages with one from now on; the peer may send up to `limit` bytes ahead. */
  acknowledgeTogether(limit: number): void {
    this.due.cumulative = true;
    this.limit = Math.max(this.limit, limit);
  }

  /** Processes a message of the stream: keeps it, drops it, or acknowledges it again. */
  offer(message: AgentMessage, now: number): void {
    const number = Number(message.sequenceNumber);
    if (number < this.expected) {
      if (number >= 0 && !this.unconsumed.has(number)) {
        this.due.addUrgent({ number, messageId: message.messageId, messageType: message.messageType }, now);
      }
      return;
    }
    if (this.ahead.has(number) || !Number.isSafeInteger(number)) return;
    const bytes = message.payload.length;
    const full = this.ahead.size >= AHEAD_MESSAGES || this.aheadBytes + bytes > this.limit;
    if (number > this.expected && full) return;
    this.ahead.set(number, message);
    this.aheadBytes += bytes;
  }

  /** Returns the message that is next in order, if it is here and the consumer is not too far behind. */
  nextMessage(): AgentMessage | undefined {
    return this.unconsumedBytes >= this.limit ? undefined : this.ahead.get(this.expected);
  }

  /** Advances past `nextMessage`: acknowledges it now if `consumed`, otherwise once it is consumed. */
  advance(now: number, consumed: boolean): void {
    const message = this.forgetNext();
    const number = this.expected++;
    const { messageId, messageType } = message;
    if (consumed) {
      this.due.addUrgent({ number, messageId, messageType }, now);
      return;
    }
    const bytes = message.payload.length;
    this.unconsumed.set(number, { messageId, messageType, bytes });
    this.unconsumedBytes += bytes;
  }

  /** Drops `nextMessage` unacknowledged; the same number is expected again, with better content. */
  refuse(): void {
    this.forgetNext();
  }

  /** Acknowledges every message up to and including `sequenceNumber` that was handed out and not consumed. */
  consume(sequenceNumber: number, now: number): void {
    const end = Math.min(sequenceNumber + 1, this.expected);
    for (let number = this.consumed; number < end; number++) {
      const item = this.unconsumed.get(number);
      if (item !== undefined) {
        this.unconsumed.delete(number);
        this.unconsumedBytes -= item.bytes;
        this.due.add({ number, messageId: item.messageId, messageType: item.messageType }, item.bytes, now);
      }
      this.consumed = number + 1;
    }
  }

  acknowledgements(now: number): Uint8Array[] {
    return this.due.frames(now);
  }

  /** Returns when `acknowledgements` has something that waits now, Infinity for never. */
  nextTimer(): number {
    return this.due.nextTimer();
  }

  private forgetNext(): AgentMessage {
    const message = this.ahead.get(this.expected)!;
    this.ahead.delete(this.expected);
    this.aheadBytes -= message.payload.length;
    return message;
  }
}
