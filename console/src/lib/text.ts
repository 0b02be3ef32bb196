/** Text as people read it. What nodes and people wrote is made visible here before it is shown. */

/** What could reorder the text around it or hide in it, and every space but U+0020; the same as in the server's messages. */
const HIDDEN =
  /[\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/gu;
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** No language stacks so many accents on a letter; more of them would be drawn over other lines. */
const STACKED = /(\p{M}{4})\p{M}+/gu;

/** Returns `value` with control, bidirectional and invisible characters as `\xNN`, `\uNNNN` or `\UNNNNNNNN`. */
export function printable(value: string | undefined | null): string {
  return (value ?? '').replace(HIDDEN, escaped).replace(STACKED, '$1…');
}

/** Returns recorded output on one line: as `printable`, but with the tabs, spaces and symbols that programs draw with. */
export function printableOutput(value: string): string {
  return value.replace(CONTROL, escaped).replace(STACKED, '$1…');
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  const hexadecimal = (digits: number) => code.toString(16).padStart(digits, '0');
  if (code < 0x100) return `\\x${hexadecimal(2)}`;
  return code < 0x10000 ? `\\u${hexadecimal(4)}` : `\\U${hexadecimal(8)}`;
}

/** Returns lines as they are, and other control characters visibly. */
export function printableLines(value: string): string {
  return value
    .split('\n')
    .map((line) => printable(line.replace(/\r$/, '')).replaceAll('\\x09', '\t'))
    .join('\n');
}

/** Returns the last part of an ARN: the name of a user, or role and session. */
export function nameOfArn(arn: string | undefined | null): string {
  const resource = (arn ?? '').split(':').slice(5).join(':');
  return printable(resource === '' ? arn : resource.replace(/^(user|assumed-role|group|role|policy)\//, ''));
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** Returns a time in seconds since the epoch as the reader's date and time. */
export function dateTime(seconds: number | undefined | null): string {
  return seconds === undefined || seconds === null ? '' : DATE.format(seconds * 1000);
}

/** Returns how long ago or ahead a time is, in the largest unit. */
export function relative(seconds: number | undefined | null, now = Date.now() / 1000): string {
  if (seconds === undefined || seconds === null) return '';
  const difference = seconds - now;
  if (Math.abs(difference) < 5) return 'now';
  const [unit, size] = STEPS.find(([, each]) => Math.abs(difference) >= each)!;
  return RELATIVE.format(Math.round(difference / size), unit);
}

/** Returns a duration in seconds as `1:02:03` or `2:03`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function bytes(size: number | undefined | null): string {
  if (size === undefined || size === null) return '';
  if (size < 1000) return `${size} B`;
  if (size < 1e6) return `${(size / 1000).toFixed(1)} kB`;
  if (size < 1e9) return `${(size / 1e6).toFixed(1)} MB`;
  return `${(size / 1e9).toFixed(2)} GB`;
}
