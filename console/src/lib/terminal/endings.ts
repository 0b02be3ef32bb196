/** Why a session ended, in words. */

import { printable } from '../text';

/** `output` is what the server gave as the reason, empty if the program ended by itself. */
export function ending(output: string, lost: boolean): string {
  const reason = printable(output.trim()).replace(/\.$/, '');
  if (reason !== '') return lost ? `The session was ended: ${reason}.` : `The session has ended: ${reason}.`;
  return lost ? 'The session failed on its node, or was ended there.' : 'The shell has ended.';
}
