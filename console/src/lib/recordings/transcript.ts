/** The text of a recording, line by line, each with the second it appeared: control sequences are left out. */

import type { RecordedEvent } from './events';

export interface Line {
  /** Seconds since the recording began. */
  at: number;
  text: string;
}

const SEQUENCE =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]/g;
/** A line that is drawn over again and again is one line of the transcript. */
const LONGEST = 4096;
export const MOST_LINES = 50_000;

/** Returns the lines that were shown, at most MOST_LINES. */
export function transcript(events: RecordedEvent[]): Line[] {
  const lines: Line[] = [];
  const decoder = new TextDecoder();
  let current = '';
  let column = 0;
  let startedAt = 0;
  const put = (text: string) => {
    current = current.slice(0, column) + text + current.slice(column + text.length);
    column += text.length;
    if (current.length > LONGEST) {
      current = current.slice(0, LONGEST);
      column = Math.min(column, LONGEST);
    }
  };
  for (const { at, kind, data } of events) {
    if (kind !== 'o' && kind !== 'e') continue;
    const text = decoder
      .decode(data, { stream: true })
      .replace(SEQUENCE, (sequence) => (/^\x1b\[[012]?K$/.test(sequence) ? '\x0b' : ''));
    for (const part of text.split(/([\n\r\b\x07\x0b\x0c\x1b])/)) {
      if (part === '\n') {
        if (lines.length < MOST_LINES) lines.push({ at: startedAt, text: current.trimEnd() });
        current = '';
        column = 0;
      } else if (part === '\r') column = 0;
      else if (part === '\b') column = Math.max(0, column - 1);
      else if (part === '\x0b') current = current.slice(0, column);
      else if (part !== '' && !/^[\x07\x0c\x1b]$/.test(part)) {
        if (current === '') startedAt = at / 1000;
        put(part);
      }
    }
  }
  if (current.trim() !== '' && lines.length < MOST_LINES) lines.push({ at: startedAt, text: current.trimEnd() });
  return lines;
}
