/** What the data-channel engine tells its driver. Past tense: an event has happened when the driver sees it. */

import type { Extensions } from '../wire/payloads';

/** The session is open, input may be sent; for shells the driver sends Size first. */
export interface SessionStarted {
  type: 'SessionStarted';
  sessionType: string;
  /** Empty for a node that does not handshake. */
  agentVersion: string;
  agreed: Extensions;
  /** The KMS key that the session is encrypted with, as the node names it; empty if it is not encrypted. */
  kmsKeyId: string;
}

/** The next output, in order. Call `acknowledge(sequenceNumber, now)` once it is shown. */
export interface OutputReceived {
  type: 'OutputReceived';
  sequenceNumber: number;
  payloadType: number;
  payload: Uint8Array;
}

/** A text of the node's for the person. */
export interface CustomerMessageReceived {
  type: 'CustomerMessageReceived';
  text: string;
}

/** A text of the server's for the person, at any time. */
export interface NoticeReceived {
  type: 'NoticeReceived';
  text: string;
}

/** Ferryman's agent does not answer when asked, though the server does; once until FarEndAnswered. */
export interface FarEndFellSilent {
  type: 'FarEndFellSilent';
}

export interface FarEndAnswered {
  type: 'FarEndAnswered';
}

/** The server ended the session; `output` is the reason for the person, empty for a normal end. */
export interface SessionEnded {
  type: 'SessionEnded';
  output: string;
  /** It failed at its node, or a person or a limit ended it. */
  lost: boolean;
}

/** The node does not run the session with this client; the text is its reason. */
export interface ClientNotAccepted {
  type: 'ClientNotAccepted';
  reason: string;
}

/** Have KMS generate a data key of 64 bytes, then call `useDataKey` or `refuseDataKey`. */
export interface DataKeyRequested {
  type: 'DataKeyRequested';
  kmsKeyId: string;
  /** The node's random challenge, which the key is to be bound to; null from a node that sends none. */
  challenge: string | null;
}

/** Seal this with the client's half of the data key and this nonce, then call `sealed`. */
export interface SealingRequested {
  type: 'SealingRequested';
  nonce: Uint8Array;
  plaintext: Uint8Array;
}

/** Open this with the node's half of the data key, then call `opened`. */
export interface OpeningRequested {
  type: 'OpeningRequested';
  sealed: Uint8Array;
}

/** A frame was dropped without effect: it was malformed, or had no business here. */
export interface FrameRejected {
  type: 'FrameRejected';
  reason: string;
}

export type ChannelEvent =
  | SessionStarted
  | OutputReceived
  | CustomerMessageReceived
  | NoticeReceived
  | FarEndFellSilent
  | FarEndAnswered
  | SessionEnded
  | ClientNotAccepted
  | DataKeyRequested
  | SealingRequested
  | OpeningRequested
  | FrameRejected;
