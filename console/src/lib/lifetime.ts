/** Whether what was begun on a part of the page is still of use there when its answer comes. */

import { onDestroy } from 'svelte';

/** Call it while a component is being made; returns whether that component is still part of the page. */
export function lifetime(): () => boolean {
  let isThere = true;
  onDestroy(() => (isThere = false));
  return () => isThere;
}
