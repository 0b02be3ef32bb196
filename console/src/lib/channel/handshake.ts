/** What this end makes of the node's handshake request (docs/reference/protocol/client.md, section 8). */

import * as payloads from '../wire/payloads';
import type { Extensions, HandshakeRequest, KmsEncryption, ProcessedAction, RequestedAction } from '../wire/payloads';

/** The largest payload that AWS's ends send themselves. */
export const AWS: Extensions = { MaxPayload: 1024 };
const OURS: Extensions = { MaxPayload: 131072, Undigested: true, Stdin: true, ExitCode: true };
const SESSION_TYPES = new Set(['Standard_Stream', 'InteractiveCommands', 'NonInteractiveCommands', 'Port']);

export type EncryptionResult = Omit<ProcessedAction, 'ActionType'>;

/** Returns what both ends can do. */
export function agree(theirs: Extensions): Extensions {
  return {
    MaxPayload: Math.max(1, Math.min(OURS.MaxPayload, theirs.MaxPayload)),
    Undigested: theirs.Undigested === true,
    Stdin: theirs.Stdin === true,
    ExitCode: theirs.ExitCode === true,
  };
}

/** Returns the session type that the node names, null if it names none that is known. Throws MalformedPayload. */
export function sessionTypeOf(request: HandshakeRequest): string | null {
  const action = request.RequestedClientActions.findLast((each) => each.ActionType === payloads.SESSION_TYPE_ACTION);
  if (action === undefined) return null;
  const sessionType = payloads.decodeSessionType(action.ActionParameters);
  return SESSION_TYPES.has(sessionType) ? sessionType : null;
}

/** Returns how the node wants the session encrypted, null if it does not. Throws MalformedPayload. */
export function encryptionOf(request: HandshakeRequest): KmsEncryption | null {
  const action = request.RequestedClientActions.find((each) => each.ActionType === payloads.KMS_ENCRYPTION_ACTION);
  return action === undefined ? null : payloads.decodeKmsEncryption(action.ActionParameters);
}

/** Returns the results of all actions, in their order. Throws MalformedPayload. */
export function processed(request: HandshakeRequest, encryption: EncryptionResult | null): ProcessedAction[] {
  return request.RequestedClientActions.map((action) =>
    encryption !== null && action.ActionType === payloads.KMS_ENCRYPTION_ACTION
      ? { ActionType: action.ActionType, ...encryption }
      : processedAction(action),
  );
}

/** Returns the handshake's response; it has this end's extensions only for Ferryman's agent. */
export function responseTo(
  request: HandshakeRequest,
  actions: ProcessedAction[],
  clientVersion: string,
  terminalType: string,
): unknown {
  const errors = actions.map((action) => action.Error).filter((error) => error !== '');
  return {
    ClientVersion: clientVersion,
    ProcessedClientActions: actions,
    Errors: errors.length > 0 ? errors : null,
    ...(request.Ferryman === null ? {} : { Ferryman: { ...OURS, TerminalType: terminalType } }),
  };
}

function processedAction({ ActionType, ActionParameters }: RequestedAction): ProcessedAction {
  if (ActionType !== payloads.SESSION_TYPE_ACTION) {
    const Error = `Unsupported action ${ActionType}`;
    return { ActionType, ActionStatus: payloads.ACTION_UNSUPPORTED, ActionResult: null, Error };
  }
  const sessionType = payloads.decodeSessionType(ActionParameters);
  if (!SESSION_TYPES.has(sessionType)) {
    const Error = `Failed to process action ${ActionType}: Unknown session type ${sessionType}`;
    return { ActionType, ActionStatus: payloads.ACTION_FAILED, ActionResult: null, Error };
  }
  return { ActionType, ActionStatus: payloads.ACTION_SUCCESS, ActionResult: null, Error: '' };
}
