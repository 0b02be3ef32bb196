/** The keys that on-screen keyboards lack, as a bar of buttons types them: what each sends, and which modifiers are held. */

export type ScreenKey = 'Escape' | 'Tab' | 'Left' | 'Up' | 'Down' | 'Right';

const ARROWS: Record<Exclude<ScreenKey, 'Escape' | 'Tab'>, string> = { Left: 'D', Up: 'A', Down: 'B', Right: 'C' };
/** What is added to 1 for a key's modifiers, as xterm encodes them. */
const ALT = 2;
const CTRL = 4;

export class ScreenKeys {
  /** Held until the next key, whichever keyboard it comes from. */
  ctrl = $state(false);
  alt = $state(false);

  release(): void {
    this.ctrl = false;
    this.alt = false;
  }

  /** Returns what `key` sends with the modifiers that are held, and releases them. */
  sequence(key: ScreenKey, applicationCursorKeys: boolean): string {
    const modifiers = (this.alt ? ALT : 0) + (this.ctrl ? CTRL : 0);
    const prefix = this.alt ? '\x1b' : '';
    this.release();
    if (key === 'Escape') return `${prefix}\x1b`;
    if (key === 'Tab') return `${prefix}\t`;
    if (modifiers > 0) return `\x1b[1;${1 + modifiers}${ARROWS[key]}`;
    return `\x1b${applicationCursorKeys ? 'O' : '['}${ARROWS[key]}`;
  }

  /** Returns typed text with the modifiers that are held, and releases them. More than a character is not a key. */
  apply(text: string): string {
    if ((!this.ctrl && !this.alt) || text.length !== 1) return text;
    const typed = (this.alt ? '\x1b' : '') + (this.ctrl ? control(text) : text);
    this.release();
    return typed;
  }
}

function control(character: string): string {
  if (character === ' ') return '\0';
  if (character === '?') return '\x7f';
  const code = character.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code < 0x60 ? String.fromCharCode(code & 0x1f) : character;
}

export const screenKeys = new ScreenKeys();
