/** The events of a recording, from the server to what a player and a reader need. */

import { call } from '../api/call';
import { fromBase64 } from '../wire/base64';

export type Kind = 'o' | 'e' | 'i' | 'r' | 'm' | 'x' | 'c' | 'f';

export interface RecordedEvent {
  /** Milliseconds since the recording began. */
  at: number;
  kind: Kind;
  data: Uint8Array;
}

/** A browser holds a whole recording; what is longer is shown to here. */
export const LARGEST = 48 << 20;

export interface Fetched {
  events: RecordedEvent[];
  bytes: number;
  /** Whether there is more than LARGEST bytes. */
  cut: boolean;
}

/** Returns a recording's events from the beginning; `progress` gets the bytes so far. */
export async function fetchEvents(
  sessionId: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Fetched> {
  const events: RecordedEvent[] = [];
  let bytes = 0;
  let next: string | undefined;
  do {
    const page = await call(
      'ferryman/GetRecordingEvents',
      { SessionId: sessionId, ...(next ? { NextToken: next } : {}) },
      signal,
    );
    for (const each of page.Events ?? []) {
      const data = fromBase64(each.Data ?? '');
      bytes += data.length;
      events.push({ at: each.At ?? 0, kind: (each.Kind ?? 'm') as Kind, data });
    }
    next = page.NextToken;
    progress(bytes);
  } while (next && bytes < LARGEST);
  return { events, bytes, cut: next !== undefined && next !== '' };
}
