/** The keys that work everywhere but in fields and terminals: two letters go to a screen, `/` to its search. */

import { href } from './paths';
import { router } from './router.svelte';

export const GOTO: Record<string, [string, string]> = {
  o: ['', 'Overview'],
  n: ['nodes', 'Nodes'],
  t: ['terminal', 'Terminal'],
  s: ['sessions', 'Sessions'],
  f: ['search', 'Search'],
  r: ['access-requests', 'Access requests'],
  a: ['audit', 'Audit'],
  p: ['people', 'People and policies'],
  k: ['keys', 'Keys'],
  e: ['preferences', 'Preferences'],
};
const SEQUENCE_MILLISECONDS = 1500;

class Shortcuts {
  /** Whether the sheet that lists them is shown. */
  sheet = $state(false);
  private prefixAt = -Infinity;

  key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const afterPrefix = event.timeStamp - this.prefixAt < SEQUENCE_MILLISECONDS;
    this.prefixAt = -Infinity;
    if (document.querySelector('dialog[open]') !== null) return;
    if (afterPrefix && GOTO[event.key] !== undefined) {
      router.go(href(GOTO[event.key]![0]));
    } else if (event.key === 'g') {
      this.prefixAt = event.timeStamp;
    } else if (event.key === '?') {
      this.sheet = true;
    } else if (event.key === '/') {
      document.querySelector<HTMLElement>('main [type=search]')?.focus();
    } else {
      return;
    }
    event.preventDefault();
  }
}

function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable], .xterm') !== null;
}

export const shortcuts = new Shortcuts();
