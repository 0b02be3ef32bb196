/** What is typed and pasted, on its way into the engine: in order, and no more at a time than the window takes. */

import { PayloadType } from '../wire/agentMessage';
import type { SessionConnection } from './connection';

/** A paste that is larger belongs in a file. */
export const LONGEST_PASTE = 4 << 20;

export class InputQueue {
  private waiting: Uint8Array[] = [];
  private bytes = 0;
  private feeding = false;

  constructor(private readonly connection: () => SessionConnection | null) {}

  /** Takes `data`; returns false, and takes nothing, if too much already waits. */
  add(data: Uint8Array): boolean {
    if (this.bytes + data.length > LONGEST_PASTE) return false;
    this.waiting.push(data);
    this.bytes += data.length;
    this.feed();
    return true;
  }

  /** Gives the engine what it has room for. */
  feed(): void {
    const connection = this.connection();
    if (this.feeding || connection === null) return;
    this.feeding = true;
    for (
      let room = connection.channel.capacity();
      this.waiting.length > 0 && room > 0;
      room = connection.channel.capacity()
    ) {
      const head = this.waiting[0]!;
      const piece = head.subarray(0, room);
      if (piece.length === head.length) this.waiting.shift();
      else this.waiting[0] = head.subarray(piece.length);
      this.bytes -= piece.length;
      connection.send(PayloadType.OUTPUT, piece);
    }
    this.feeding = false;
  }
}
