import { describe, expect, it } from 'vitest';
import { cast, castFile, posterAt } from '../src/lib/recordings/cast';
import type { Kind, RecordedEvent } from '../src/lib/recordings/events';
import { transcript } from '../src/lib/recordings/transcript';
import { diff } from '../src/lib/diff';
import { jsonProblem } from '../src/lib/jsonProblem';
import { printable } from '../src/lib/text';
import { MalformedEvent, decode } from '../src/lib/watching/alis';

const event = (at: number, kind: Kind, text: string): RecordedEvent => ({
  at,
  kind,
  data: new TextEncoder().encode(text),
});

describe('what is shown before a recording plays', () => {
  const { events } = cast([event(0, 'r', '80x24'), event(3000, 'o', '$ '), event(9000, 'o', 'ls')], Infinity);

  it('is a second after the first output at the beginning, not the empty screen before it', () => {
    expect(posterAt(events, 0)).toBe(4);
  });

  it('is the second that was asked for anywhere else', () => {
    expect(posterAt(events, 1.5)).toBe(1.5);
  });

  it('is not beyond the end, and is nothing where nothing was shown', () => {
    expect(posterAt([[2, 'o', '$ ']], 0)).toBe(2);
    expect(posterAt([[0, 'r', '80x24']], 0)).toBe(0);
  });
});

describe('a cast', () => {
  const events = [
    event(0, 'r', '100x30'),
    event(1000, 'o', 'one'),
    event(61_000, 'o', 'two'),
    event(61_500, 'm', 'here'),
    event(62_000, 'i', 'secret'),
    event(63_000, 'f', '{"direction": "upload", "name": "a.txt"}'),
  ];

  it('has the size, the output and the markers, and nothing that was typed', () => {
    const { cols, rows, events: shown, markers, duration } = cast(events, Infinity);
    expect([cols, rows, duration]).toEqual([100, 30, 63]);
    expect(shown).toEqual([
      [0, 'r', '100x30'],
      [1, 'o', 'one'],
      [61, 'o', 'two'],
    ]);
    expect(markers).toEqual([
      { at: 61.5, label: 'here' },
      { at: 63, label: 'Uploads a.txt' },
    ]);
  });

  it('shortens pauses, and knows what second of the recording is played', () => {
    const { events: shown, clock } = cast(events, 2);
    expect(shown.map(([at]) => at)).toEqual([0, 1, 3]);
    expect(clock.toRecorded(3)).toBe(61);
    expect(clock.toPlayed(61)).toBe(3);
    expect(clock.toRecorded(2)).toBe(31);
    expect(clock.toRecorded(clock.toPlayed(40))).toBeCloseTo(40);
  });

  it('is written as asciicast v3, with the time since the line before', () => {
    const lines = castFile(events, 'a', 5).trimEnd().split('\n');
    expect(JSON.parse(lines[0]!)).toMatchObject({ version: 3, term: { cols: 100, rows: 30 }, timestamp: 5 });
    expect(lines[3]).toBe('[60,"o","two"]');
  });

  it('joins characters that an event cuts in two', () => {
    const [first, second] = [new Uint8Array([0xc3]), new Uint8Array([0xa9])];
    const { events: shown } = cast(
      [
        { at: 0, kind: 'o', data: first },
        { at: 1, kind: 'o', data: second },
      ],
      1,
    );
    expect(shown.map(([, , text]) => text).join('')).toBe('é');
  });
});

describe('a transcript', () => {
  const lines = (text: string) => transcript([event(1000, 'o', text)]).map((each) => each.text);

  it('leaves control sequences out', () => {
    expect(lines('\x1b]0;title\x07\x1b[1;31mred\x1b[0m \x1bPdcs\x1b\\text\r\n')).toEqual(['red text']);
  });

  it('corrects what was corrected while typing', () => {
    expect(lines('lx\b\x1b[Ks -l\r\nprogress 1\rprogress 2\n')).toEqual(['ls -l', 'progress 2']);
  });

  it('says when a line appeared', () => {
    expect(transcript([event(500, 'o', 'one\n'), event(1500, 'o', 'two\n')])).toEqual([
      { at: 0.5, text: 'one' },
      { at: 1.5, text: 'two' },
    ]);
  });

  it('bounds a line that never ends', () => {
    expect(lines('x'.repeat(100_000))[0]!.length).toBeLessThanOrEqual(4096);
  });
});

describe('the live protocol', () => {
  it('has resets, output and sizes', () => {
    expect(decode(new Uint8Array([0x41, 0x4c, 0x69, 0x53, 0x01]))).toBeNull();
    expect(decode(new Uint8Array([1, 0, 0, 80, 24, 0, 2, 0x68, 0x69]))).toEqual({
      type: 'reset',
      columns: 80,
      rows: 24,
      screen: 'hi',
    });
    expect(decode(new Uint8Array([0x6f, 1, 0x80, 1, 1, 0x61]))).toEqual({ type: 'output', text: 'a' });
    expect(decode(new Uint8Array([0x72, 2, 0, 0x80, 1, 50]))).toEqual({ type: 'size', columns: 128, rows: 50 });
    expect(decode(new Uint8Array([4, 3, 0]))).toEqual({ type: 'end' });
  });

  it.each([[[]], [[0x6f, 1]], [[0x6f, 1, 1, 9, 0x61]], [[0x7a, 1, 1]], [[0x6f, ...Array<number>(11).fill(255)]]])(
    'refuses %j',
    (bytes) => {
      expect(() => decode(new Uint8Array(bytes))).toThrow(MalformedEvent);
    },
  );
});

it('control, bidirectional and invisible characters are made visible', () => {
  expect(printable('a\x1b[31m\u202eb\u200b\n')).toBe('a\\x1b[31m\\u202eb\\u200b\\x0a');
  expect(printable('\u00adroot\u3164 \u{e0041}\ud800')).toBe('\\xadroot\\u3164 \\U000e0041\\ud800');
  expect(printable(`a${'\u0301'.repeat(9000)}b`)).toBe(`a${'\u0301'.repeat(4)}…b`);
  expect(printable('Zoë, Łódź, ひらがな, हिन्दी')).toBe('Zoë, Łódź, ひらがな, हिन्दी');
});

it('a mistake in JSON has its line', () => {
  expect(jsonProblem('{"a": 1}')).toBeNull();
  expect(jsonProblem('{\n  "a": 1,\n}')).toEqual({ line: 3, text: "There is a comma before '}'." });
  expect(jsonProblem('{\n  "a": 1\n  "b": 2\n}')).toEqual({ line: 3, text: 'A comma is missing before this.' });
  expect(jsonProblem('{')).toMatchObject({ line: 1, text: 'It ends too early: a bracket or a quote is missing.' });
});

it('a diff has the lines that were removed and added', () => {
  expect(diff('a\nb\nc', 'a\nx\nc').map((each) => each.mark + each.text)).toEqual([' a', '-b', '+x', ' c']);
});
