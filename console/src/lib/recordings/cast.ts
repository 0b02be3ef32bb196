/** A recording as an asciicast, with idle time shortened if the viewer wants that. */

import type { RecordedEvent } from './events';

export interface Marker {
  /** Seconds since the recording began. */
  at: number;
  label: string;
}

/** Seconds of the player and seconds of the recording, which differ where idle time is skipped. */
export class Clock {
  private readonly recorded: number[] = [0];
  private readonly played: number[] = [0];

  /** Adds a moment; returns when it is played. `limit` is the longest pause, Infinity for as it was. */
  add(recorded: number, limit: number): number {
    const last = this.recorded.length - 1;
    const played = this.played[last]! + Math.min(limit, Math.max(0, recorded - this.recorded[last]!));
    this.recorded.push(recorded);
    this.played.push(played);
    return played;
  }

  toPlayed(recorded: number): number {
    return interpolated(this.recorded, this.played, recorded);
  }

  toRecorded(played: number): number {
    return interpolated(this.played, this.recorded, played);
  }
}

/** Returns where `value` of ascending `from` lies in `to`. */
function interpolated(from: number[], to: number[], value: number): number {
  let low = 0;
  let high = from.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (from[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  const span = (from[low + 1] ?? Infinity) - from[low]!;
  const part = Number.isFinite(span) && span > 0 ? (value - from[low]!) / span : 0;
  return to[low]! + part * ((to[low + 1] ?? to[low]!) - to[low]!);
}

export interface Cast {
  cols: number;
  rows: number;
  /** Seconds of the player, asciicast's kind, text. */
  events: [number, 'o' | 'i' | 'r' | 'm', string][];
  markers: Marker[];
  clock: Clock;
  /** Seconds of the recording. */
  duration: number;
}

const SIZE = /^(\d{1,4})x(\d{1,4})$/;

/** Returns what a player shows; `idle` is the longest pause in seconds. */
export function cast(recorded: RecordedEvent[], idle: number): Cast {
  const clock = new Clock();
  const decoders = new Map<string, TextDecoder>();
  const events: Cast['events'] = [];
  const markers: Marker[] = [];
  let size: [number, number] | null = null;
  let duration = 0;
  for (const { at, kind, data } of recorded) {
    const seconds = at / 1000;
    duration = Math.max(duration, seconds);
    const played = clock.add(seconds, idle);
    const decoder = decoders.get(kind) ?? new TextDecoder();
    decoders.set(kind, decoder);
    const text = decoder.decode(data, { stream: kind === 'o' || kind === 'e' || kind === 'i' });
    if (kind === 'o' || kind === 'e') events.push([played, 'o', text]);
    else if (kind === 'r' && SIZE.test(text)) {
      const [, cols, rows] = SIZE.exec(text)!;
      size ??= [Number(cols), Number(rows)];
      events.push([played, 'r', text]);
    } else if (kind !== 'i' && kind !== 'x') {
      markers.push({ at: seconds, label: markerLabel(kind, text) });
    }
  }
  const [cols, rows] = size ?? [80, 24];
  return { cols, rows, events, markers, clock, duration };
}

/**
 * Returns the second of the player whose picture is shown before it plays: `from`, or, at the beginning, a second after
 * the first output, since there is nothing to see before.
 */
export function posterAt(events: Cast['events'], from: number): number {
  const first = events.find(([, kind, text]) => kind === 'o' && text.trim() !== '');
  if (from > 0 || first === undefined) return from;
  return Math.min(first[0] + 1, events.at(-1)![0]);
}

/** Returns an asciicast v3 file of the recording as it was. */
export function castFile(recorded: RecordedEvent[], title: string, startedAt: number): string {
  const { cols, rows, events, markers } = cast(recorded, Infinity);
  const header = { version: 3, term: { cols, rows }, timestamp: Math.floor(startedAt), title };
  const all: [number, string, string][] = [
    ...events,
    ...markers.map((each): [number, string, string] => [each.at, 'm', each.label]),
  ];
  all.sort(([one], [other]) => one - other);
  let before = 0;
  const lines = all.map(([at, kind, text]) => {
    const interval = Math.round((at - before) * 1000) / 1000;
    before = at;
    return JSON.stringify([interval, kind, text]);
  });
  return `${[JSON.stringify(header), ...lines].join('\n')}\n`;
}

/** Returns what happened in words; `c` is a connection of a forwarded port, `f` a copied file. */
function markerLabel(kind: string, text: string): string {
  if (kind === 'm') return text;
  try {
    const members = JSON.parse(text) as Record<string, unknown>;
    if (kind === 'f')
      return `${members['direction'] === 'upload' ? 'Uploads' : 'Downloads'} ${String(members['name'])}`;
    const connection = members['connection'] === undefined ? '' : ` ${String(members['connection'])}`;
    return `Connection${connection}: ${String(members['state'])}`;
  } catch {
    return text;
  }
}
