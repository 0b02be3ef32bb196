/**
 * The agent message: the binary frame of a data channel (docs/reference/protocol/client.md, section 5).
 *
 * A frame is a header of 120 bytes and a payload. All integers are big-endian; the message id is stored with its second
 * half first. This module knows nothing of what payloads mean.
 */

import { sha256 } from './sha256';

export const HEADER_SIZE = 120;
/** The value of a frame's first field: the offset of PayloadLength. */
export const HEADER_LENGTH = 116;
export const SCHEMA_VERSION = 1;
const TYPE_SIZE = 32;

export const MessageType = {
  INPUT_STREAM_DATA: 'input_stream_data',
  OUTPUT_STREAM_DATA: 'output_stream_data',
  ACKNOWLEDGE: 'acknowledge',
  CHANNEL_CLOSED: 'channel_closed',
  START_PUBLICATION: 'start_publication',
  PAUSE_PUBLICATION: 'pause_publication',
  /** Ferryman's own, from its server to its client: a sentence for the person. */
  NOTICE: 'notice',
} as const;

/** What the payload of a stream message is (client.md §5.2). NONE is what all other messages carry. */
export const PayloadType = {
  NONE: 0,
  OUTPUT: 1,
  ERROR: 2,
  SIZE: 3,
  PARAMETER: 4,
  HANDSHAKE_REQUEST: 5,
  HANDSHAKE_RESPONSE: 6,
  HANDSHAKE_COMPLETE: 7,
  ENCRYPTION_CHALLENGE_REQUEST: 8,
  ENCRYPTION_CHALLENGE_RESPONSE: 9,
  FLAG: 10,
  STD_ERR: 11,
  EXIT_CODE: 12,
} as const;

/** The value of a Flag payload, four bytes big-endian (client.md §6). */
export const Flag = { DISCONNECT_TO_PORT: 1, TERMINATE_SESSION: 2, CONNECT_TO_PORT_ERROR: 3, INPUT_ENDED: 4 } as const;

/** What messages outside the numbered streams carry in Flags on a data channel. */
export const SYN_FIN = 3n;

/** The bytes are not an agent message; the text says which check failed. */
export class MalformedFrame extends Error {}

export interface AgentMessage {
  /** At most 32 bytes of ASCII. */
  messageType: string;
  /** A signed 64-bit integer. */
  sequenceNumber: bigint;
  /** An unsigned 64-bit integer. */
  flags: bigint;
  /** A UUID in its usual text form. */
  messageId: string;
  /** Milliseconds since the epoch, never 0. */
  createdDate: bigint;
  payloadType: number;
  payload: Uint8Array;
  schemaVersion: number;
}

const encoder = new TextEncoder();
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Returns the text form of a UUID's 16 bytes, in RFC 4122 order. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => HEX[byte]).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Returns the 16 bytes of a UUID's text form, in RFC 4122 order. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw new RangeError(`'${text}' is not a UUID`);
  return Uint8Array.from({ length: 16 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}

/** Returns the frame of a message; without `digested` its PayloadDigest is 32 zeros, for a receiver that agreed to it. */
export function encode(message: AgentMessage, digested = true): Uint8Array {
  const type = encoder.encode(message.messageType);
  if (type.length === 0 || type.length > TYPE_SIZE) {
    throw new RangeError(`a message type has 1 to ${TYPE_SIZE} bytes, '${message.messageType}' has ${type.length}`);
  }
  const frame = new Uint8Array(HEADER_SIZE + message.payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, HEADER_LENGTH);
  frame.fill(0x20, 4, 4 + TYPE_SIZE);
  frame.set(type, 4);
  view.setUint32(36, message.schemaVersion);
  view.setBigUint64(40, message.createdDate);
  view.setBigInt64(48, message.sequenceNumber);
  view.setBigUint64(56, message.flags);
  const id = uuidBytes(message.messageId);
  frame.set(id.subarray(8), 64);
  frame.set(id.subarray(0, 8), 72);
  if (digested) frame.set(sha256(message.payload), 80);
  view.setUint32(112, message.payloadType);
  view.setUint32(116, message.payload.length);
  frame.set(message.payload, HEADER_SIZE);
  return frame;
}

/**
 * Returns the agent message in `data`, one whole WebSocket message.
 *
 * Checked: size, HeaderLength, message type, CreatedDate, payload length and, if `digested` and unless the payload is
 * empty, its digest. Throws MalformedFrame.
 */
export function decode(data: Uint8Array, digested = true): AgentMessage {
  if (data.length < HEADER_SIZE) {
    throw new MalformedFrame(`the frame has ${data.length} bytes, a header alone has ${HEADER_SIZE}`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const headerLength = view.getUint32(0);
  if (headerLength !== HEADER_LENGTH) {
    throw new MalformedFrame(`the frame's HeaderLength is ${headerLength}, not ${HEADER_LENGTH}`);
  }
  const payload = data.subarray(HEADER_SIZE);
  const length = view.getUint32(116);
  if (length !== payload.length) {
    throw new MalformedFrame(`the frame announces ${length} payload bytes and has ${payload.length}`);
  }
  const createdDate = view.getBigUint64(40);
  if (createdDate === 0n) throw new MalformedFrame("the frame's CreatedDate is 0");
  if (digested && length > 0 && !equal(sha256(payload), data.subarray(80, 112))) {
    throw new MalformedFrame("the payload does not match the frame's digest");
  }
  const id = new Uint8Array(16);
  id.set(data.subarray(72, 80));
  id.set(data.subarray(64, 72), 8);
  return {
    messageType: messageType(data.subarray(4, 4 + TYPE_SIZE)),
    sequenceNumber: view.getBigInt64(48),
    flags: view.getBigUint64(56),
    messageId: uuidText(id),
    createdDate,
    payloadType: view.getUint32(112),
    payload,
    schemaVersion: view.getUint32(36),
  };
}

/** Returns a message type as peers read it: padding of NULs, then of white space, is not part of it. */
function messageType(field: Uint8Array): string {
  if (field.some((byte) => byte > 0x7f)) throw new MalformedFrame("the frame's message type is not ASCII");
  const type = String.fromCharCode(...field)
    .replace(/^\0+|\0+$/g, '')
    .trim();
  if (!type) throw new MalformedFrame("the frame's message type is empty");
  return type;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
