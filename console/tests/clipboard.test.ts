import { expect, it, vi } from 'vitest';
import { copy } from '../src/lib/clipboard';
import { notices } from '../src/lib/notices.svelte';

it('a clipboard that the browser does not give is a notice', async () => {
  const writeText = vi.fn(async () => {
    throw new DOMException('Document is not focused.', 'NotAllowedError');
  });
  vi.stubGlobal('navigator', { clipboard: { writeText } });
  expect(await copy('text')).toBe(false);
  expect(notices.shown.map((each) => each.tone)).toEqual(['bad']);
  vi.stubGlobal('navigator', {}); // a page without TLS has none
  expect(await copy('text')).toBe(false);
});
