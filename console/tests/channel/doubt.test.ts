import { expect, test } from 'vitest';
import { Doubt } from '../../src/lib/channel/doubt';

/** Returns when another connection is tried, asked whenever its timer is due, for two hours in which nothing arrives. */
function tries(doubt: Doubt, bytes: number | null): number[] {
  const found: number[] = [];
  for (let now = 0; now < 7200; now = Math.min(7200, doubt.nextTimer)) {
    if (doubt.isDue(now, bytes)) {
      found.push(now);
      doubt.isDue(now, bytes);
    }
  }
  return found;
}

test('Silence is doubted only while something is unanswered, ever more rarely, and not for ever', () => {
  expect(tries(new Doubt(), null)).toEqual([]);
  expect(tries(new Doubt(), 1)).toEqual([6, 18, 42, 90, 150]);
  expect(tries(new Doubt(), 1 << 20)).toEqual([11, 33, 77, 137, 197]);
});

test('Whatever arrives ends the doubt', () => {
  const doubt = new Doubt();
  expect(doubt.isDue(0, 1)).toBe(false);
  doubt.heard();
  expect(doubt.isDue(6, 1)).toBe(false);
  expect(doubt.isDue(12, 1)).toBe(true);
  doubt.heard();
  expect(doubt.isDue(20, 1)).toBe(false);
  expect(doubt.isDue(26, 1)).toBe(true);
});

test('A page that was stopped has not listened', () => {
  const doubt = new Doubt();
  doubt.isDue(0, 1);
  expect(doubt.isDue(3600, 1)).toBe(false);
  expect(doubt.isDue(3606, 1)).toBe(true);
});
