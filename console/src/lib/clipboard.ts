/** The browser's clipboard, which a page may write to only while the browser lets it. */

import { notices } from './notices.svelte';

/** Puts `text` there and returns whether that was allowed; if not, the person is told. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    notices.say(
      'The browser does not let this page write to the clipboard. Allow it in the settings of this site.',
      'bad',
    );
    return false;
  }
}
