/**
 * JSON payloads of the data channel (docs/reference/protocol/client.md, sections 5.3 to 8).
 *
 * Members have the wire's own names. Unknown members are ignored; a member of the wrong type is a MalformedPayload.
 */

import { fromBase64, toBase64 } from './base64';

export const ACTION_SUCCESS = 1;
export const ACTION_FAILED = 2;
export const ACTION_UNSUPPORTED = 3;
export const SESSION_TYPE_ACTION = 'SessionType';
export const KMS_ENCRYPTION_ACTION = 'KMSEncryption';

/** The payload is not the JSON that its message requires; the text names the place. */
export class MalformedPayload extends Error {}

/** What one of Ferryman's ends offers the other in the handshake, beyond what AWS's ends can do. */
export interface Extensions {
  /** The largest stream payload it accepts, in bytes. */
  MaxPayload: number;
  /** It takes messages without a PayloadDigest. */
  Undigested?: boolean;
  /** The input of a non-interactive command is its standard input, to be closed by the flag InputEnded. */
  Stdin?: boolean;
  /** A terminal's program has an exit code, too, which is not shown. */
  ExitCode?: boolean;
  /** TERM of the client's terminal. */
  TerminalType?: string;
}

export interface RequestedAction {
  ActionType: string;
  ActionParameters: unknown;
}

export interface HandshakeRequest {
  AgentVersion: string;
  RequestedClientActions: RequestedAction[];
  Ferryman: Extensions | null;
}

export interface ProcessedAction {
  ActionType: string;
  ActionStatus: number;
  ActionResult: unknown;
  Error: string;
}

export interface Acknowledge {
  messageId: string;
  sequenceNumber: number;
  sequential: boolean;
}

type Members = Record<string, unknown>;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** Returns the acknowledgement of a message; not `sequential`: all up to it arrived, what was sent after it is lost. */
export function encodeAcknowledge(
  messageType: string,
  messageId: string,
  sequenceNumber: number,
  sequential = true,
): Uint8Array {
  return encodeJson({
    AcknowledgedMessageType: messageType,
    AcknowledgedMessageId: messageId,
    AcknowledgedMessageSequenceNumber: sequenceNumber,
    IsSequentialMessage: sequential,
  });
}

export function decodeAcknowledge(data: Uint8Array): Acknowledge {
  const members = object(parse(data, 'Acknowledge'), 'Acknowledge');
  return {
    messageId: text(members, 'AcknowledgedMessageId'),
    sequenceNumber: integer(members, 'AcknowledgedMessageSequenceNumber'),
    sequential: members['IsSequentialMessage'] !== false,
  };
}

export function decodeHandshakeRequest(data: Uint8Array): HandshakeRequest {
  const members = object(parse(data, 'HandshakeRequest'), 'HandshakeRequest');
  const actions = members['RequestedClientActions'];
  if (!Array.isArray(actions)) throw new MalformedPayload('RequestedClientActions is not a list');
  const offered = members['Ferryman'];
  return {
    AgentVersion: text(members, 'AgentVersion'),
    RequestedClientActions: actions.map((each) => {
      const action = object(each, 'RequestedClientActions');
      return { ActionType: text(action, 'ActionType'), ActionParameters: action['ActionParameters'] ?? null };
    }),
    Ferryman: offered === undefined || offered === null ? null : extensions(object(offered, 'Ferryman')),
  };
}

export function decodeSessionType(parameters: unknown): string {
  return text(object(parameters, 'ActionParameters'), 'SessionType');
}

/** A node's request to encrypt the session: its KMS key, and a random text to bind the data key to. */
export interface KmsEncryption {
  kmsKeyId: string;
  challenge: string | null;
}

export function decodeKmsEncryption(parameters: unknown): KmsEncryption {
  const members = object(parameters, 'ActionParameters');
  return { kmsKeyId: text(members, 'KMSKeyId'), challenge: optionalText(members, 'Challenge') || null };
}

/** Returns the sealed random text of an encryption challenge. */
export function decodeEncryptionChallenge(data: Uint8Array): Uint8Array {
  const encoded = text(object(parse(data, 'EncryptionChallenge'), 'EncryptionChallenge'), 'Challenge');
  try {
    return fromBase64(encoded);
  } catch {
    throw new MalformedPayload('Challenge is not base64');
  }
}

export function encodeEncryptionChallenge(sealed: Uint8Array): Uint8Array {
  return encodeJson({ Challenge: toBase64(sealed) });
}

/** Returns the text for the user in a HandshakeComplete, usually empty. */
export function decodeHandshakeComplete(data: Uint8Array): string {
  const members = object(parse(data, 'HandshakeComplete'), 'HandshakeComplete');
  return optionalText(members, 'CustomerMessage');
}

export function decodeNotice(data: Uint8Array): { text: string; paused: boolean | null } {
  const members = object(parse(data, 'Notice'), 'Notice');
  const paused = members['Paused'];
  return { text: text(members, 'Text'), paused: typeof paused === 'boolean' ? paused : null };
}

export interface Closing {
  /** A text for the person, empty for a normal end. */
  output: string;
  /** The session failed at its node, or a person or a limit ended it. */
  lost: boolean;
}

/** Reads a channel_closed; a malformed one closes, too. */
export function closing(data: Uint8Array): Closing {
  try {
    const members = object(parse(data, 'ChannelClosed'), 'ChannelClosed');
    const because = members['Ferryman'];
    const lost = typeof because === 'object' && because !== null && (because as Members)['Lost'] === true;
    return { output: optionalText(members, 'Output'), lost };
  } catch (error) {
    if (error instanceof MalformedPayload) return { output: '', lost: false };
    throw error;
  }
}

export function encodeFlag(flag: number): Uint8Array {
  return Uint8Array.from([flag >>> 24, flag >>> 16, flag >>> 8, flag]);
}

function extensions(members: Members): Extensions {
  return {
    MaxPayload: integer(members, 'MaxPayload'),
    Undigested: members['Undigested'] === true,
    Stdin: members['Stdin'] === true,
    ExitCode: members['ExitCode'] === true,
  };
}

function parse(data: Uint8Array, kind: string): unknown {
  try {
    return JSON.parse(decoder.decode(data));
  } catch {
    throw new MalformedPayload(`the payload is not a valid ${kind}: it is not JSON in UTF-8`);
  }
}

function object(value: unknown, place: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedPayload(`${place} is not an object`);
  }
  return value as Members;
}

function text(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== 'string') throw new MalformedPayload(`${name} is not a text`);
  return value;
}

function optionalText(members: Members, name: string): string {
  return members[name] === undefined ? '' : text(members, name);
}

function integer(members: Members, name: string): number {
  const value = members[name];
  if (!Number.isSafeInteger(value)) throw new MalformedPayload(`${name} is not an integer`);
  return value as number;
}
