/** How terminals look; this browser remembers it. */

import type { ITheme } from '@xterm/xterm';

const KEY = 'ferryman-terminal';
export const SMALLEST = 9;
export const LARGEST = 28;

const DARK: ITheme = {
  background: '#0c1216',
  foreground: '#dbe4e9',
  cursor: '#7fd1df',
  cursorAccent: '#0c1216',
  selectionBackground: '#2f5560',
  black: '#1c262d',
  red: '#ee8b82',
  green: '#82cfa5',
  yellow: '#e2bd74',
  blue: '#86b5ee',
  magenta: '#cfa0e4',
  cyan: '#74cbd9',
  white: '#cfd9df',
  brightBlack: '#7c8f9b',
  brightRed: '#ffb0a9',
  brightGreen: '#a9e6c5',
  brightYellow: '#f5d99d',
  brightBlue: '#b0d0fb',
  brightMagenta: '#e3c2f3',
  brightCyan: '#a2e3ee',
  brightWhite: '#f6fafc',
};
const LIGHT: ITheme = {
  background: '#fbfcfc',
  foreground: '#1b2932',
  cursor: '#0f6272',
  cursorAccent: '#fbfcfc',
  selectionBackground: '#bfdde4',
  black: '#1b2932',
  red: '#a8291f',
  green: '#1d6b45',
  yellow: '#80540a',
  blue: '#1f56a6',
  magenta: '#7d3a97',
  cyan: '#0f6272',
  white: '#5d6f7a',
  brightBlack: '#51626e',
  brightRed: '#c23a2f',
  brightGreen: '#257f53',
  brightYellow: '#946310',
  brightBlue: '#2a67c2',
  brightMagenta: '#9149ad',
  brightCyan: '#167588',
  brightWhite: '#35464f',
};
const CONTRAST: ITheme = {
  background: '#000000',
  foreground: '#ffffff',
  cursor: '#ffff00',
  selectionBackground: '#444488',
};

export const THEMES = { match: 'As the console', dark: 'Dark', light: 'Light', contrast: 'High contrast' } as const;
export type TerminalTheme = keyof typeof THEMES;

class TerminalSettings {
  fontSize = $state(14);
  theme = $state<TerminalTheme>('match');

  constructor() {
    try {
      const saved = JSON.parse(localStorage.getItem(KEY) ?? '{}') as { fontSize?: unknown; theme?: unknown };
      if (typeof saved.fontSize === 'number') this.fontSize = clamped(saved.fontSize);
      if (typeof saved.theme === 'string' && saved.theme in THEMES) this.theme = saved.theme as TerminalTheme;
    } catch {
      localStorage.removeItem(KEY);
    }
  }

  colours(dark: boolean): ITheme {
    if (this.theme === 'contrast') return CONTRAST;
    return this.theme === 'dark' || (this.theme === 'match' && dark) ? DARK : LIGHT;
  }

  resize(by: number): void {
    this.fontSize = clamped(this.fontSize + by);
    this.save();
  }

  choose(theme: TerminalTheme): void {
    this.theme = theme;
    this.save();
  }

  private save(): void {
    localStorage.setItem(KEY, JSON.stringify({ fontSize: this.fontSize, theme: this.theme }));
  }
}

function clamped(size: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, Math.round(size)));
}

export const terminalSettings = new TerminalSettings();
