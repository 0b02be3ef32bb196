/** Why a session ended, in words. */

import { printable } from '../text';

/** `output` is what the server gave as the reason, empty if the program ended by itself. */
export function ending(output: string, lost: boolean): string {
  const reason = printable(output.trim()).replace(/\.$/, '');
  if (reason !== '') return lost ? `The session was ended: ${reason}.` : `The session has ended: ${reason}.`;
  return lost ? 'The session failed on its node, or was ended there.' : 'The shell has ended.';
}

/** Why the browser could not encrypt a session, and the command that may, at a computer that can reach the key's KMS. */
export function encryptedEnding(reason: string, instead: string): string {
  return `This session must be encrypted, and the browser got no data key: ${printable(reason)}. At a command line, use: ${printable(instead)}`;
}

/** Returns the command that starts a session as the console would have. `document` is empty for the account's shell. */
export function sessionCommand(nodeId: string, document: string, hasParameters: boolean): string {
  if (document === '') return `ferryman shell ${nodeId}`;
  const command = `aws ssm start-session --target ${nodeId} --document-name ${document}`;
  return hasParameters ? `${command} --parameters …` : command;
}
