/**
 * ALiS v1, the live protocol of asciinema's player: one binary message for each event, numbers as unsigned LEB128.
 *
 * The first message is the magic. The second, and any later one of the same type, is a reset: the size and the text that
 * draw the screen as it is. Source: https://docs.asciinema.org/manual/server/streaming/
 */

export const SUBPROTOCOL = 'v1.alis';
const MAGIC = [0x41, 0x4c, 0x69, 0x53, 0x01];
const RESET = 0x01;
const END = 0x04;

export type WatchEvent =
  | { type: 'reset'; columns: number; rows: number; screen: string }
  | { type: 'output'; text: string }
  | { type: 'size'; columns: number; rows: number }
  | { type: 'marker'; text: string }
  | { type: 'exit'; status: number }
  | { type: 'end' };

/** A message is not an event of ALiS v1. */
export class MalformedEvent extends Error {}

/** Returns the event of a message, null for the magic. */
export function decode(message: Uint8Array): WatchEvent | null {
  if (message.length === MAGIC.length && MAGIC.every((byte, index) => message[index] === byte)) return null;
  const reader = new Reader(message);
  const kind = reader.byte();
  if (kind === END) return { type: 'end' };
  if (kind === RESET) {
    reader.number();
    reader.number();
    const [columns, rows] = [reader.number(), reader.number()];
    if (reader.byte() !== 0) throw new MalformedEvent('a theme, which is never sent');
    return { type: 'reset', columns, rows, screen: reader.text() };
  }
  reader.number();
  reader.number();
  switch (String.fromCharCode(kind)) {
    case 'o':
      return { type: 'output', text: reader.text() };
    case 'm':
      return { type: 'marker', text: reader.text() };
    case 'r':
      return { type: 'size', columns: reader.number(), rows: reader.number() };
    case 'x':
      return { type: 'exit', status: reader.number() };
  }
  throw new MalformedEvent(`an event of the unknown type ${kind}`);
}

class Reader {
  private at = 0;

  constructor(private readonly message: Uint8Array) {}

  byte(): number {
    const value = this.message[this.at++];
    if (value === undefined) throw new MalformedEvent('it ends too early');
    return value;
  }

  number(): number {
    let value = 0;
    for (let place = 0; place < 10; place++) {
      const digit = this.byte();
      value += (digit & 127) * 2 ** (7 * place);
      if (digit < 128) return value;
    }
    throw new MalformedEvent('a number of more than 64 bits');
  }

  text(): string {
    const size = this.number();
    if (size > this.message.length - this.at) throw new MalformedEvent('it ends too early');
    const data = this.message.subarray(this.at, this.at + size);
    this.at += size;
    return new TextDecoder().decode(data);
  }
}
