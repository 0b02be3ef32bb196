import { expect, test } from 'vitest';
import { ScreenKeys } from '../src/lib/terminal/screenKeys.svelte';

test('Modifiers are held for one key, from either keyboard', () => {
  const keys = new ScreenKeys();
  keys.ctrl = true;
  expect(keys.apply('c')).toBe('\x03');
  expect(keys.apply('c')).toBe('c');
  keys.ctrl = keys.alt = true;
  expect(keys.sequence('Left', false)).toBe('\x1b[1;7D');
  expect(keys.sequence('Left', false)).toBe('\x1b[D');
  keys.alt = true;
  expect(keys.apply('f')).toBe('\x1bf');
});

test('Control makes what a terminal has for it, and leaves other characters', () => {
  const typed = (text: string) => {
    const keys = new ScreenKeys();
    keys.ctrl = true;
    return keys.apply(text);
  };
  expect(['[', '@', ' ', '?', '_', 'Z', '1', 'é'].map(typed)).toEqual([
    '\x1b',
    '\0',
    '\0',
    '\x7f',
    '\x1f',
    '\x1a',
    '1',
    'é',
  ]);
});

test('A paste is not a key', () => {
  const keys = new ScreenKeys();
  keys.ctrl = true;
  expect(keys.apply('cd')).toBe('cd');
  expect(keys.ctrl).toBe(true);
});

test('Arrows follow the mode that an editor sets', () => {
  const keys = new ScreenKeys();
  expect(keys.sequence('Up', true)).toBe('\x1bOA');
  expect(keys.sequence('Up', false)).toBe('\x1b[A');
  expect(keys.sequence('Tab', true)).toBe('\t');
  expect(keys.sequence('Escape', true)).toBe('\x1b');
});
