/**
 * The client's end of a data channel, without I/O (docs/reference/protocol/client.md, sections 7 and 8).
 *
 * The far end is Ferryman's agent, or AWS's: with a handshake, or, for its plain shells, without one.
 */

import { MalformedFrame, MessageType, PayloadType, decode, type AgentMessage } from '../wire/agentMessage';
import * as payloads from '../wire/payloads';
import { ClientEncryption, Unopenable } from './encryption';
import type { ChannelEvent } from './events';
import { AWS, agree, encryptionOf, processed, responseTo, sessionTypeOf, type EncryptionResult } from './handshake';
import { Liveness } from './liveness';
import { IncomingStream } from './streams/incoming';
import { OutgoingStream, type Surroundings } from './streams/outgoing';
import { DEFAULT_WINDOW, MAX_WINDOW_BYTES, type Window } from './streams/window';

export interface ChannelOptions extends Surroundings {
  clientVersion: string;
  /** TERM of the terminal, empty if there is none. */
  terminalType: string;
  window?: Window;
}

type State = 'waiting' | 'key awaited' | 'shaking hands' | 'open' | 'ended';

/**
 * One browser tab's end of one session.
 *
 * Nothing blocks; `now` is monotonic seconds. After any call, send what `framesToSend` returns, and call it again at
 * `nextTimer`. One text frame, OpenDataChannel, must go out before: it is the driver's.
 */
export class ClientChannel {
  rejectedFrames = 0;
  private readonly outgoing: OutgoingStream;
  private readonly incoming: IncomingStream;
  private state: State = 'waiting';
  private connected = false;
  private pending: ChannelEvent[] = [];
  private held: [number, Uint8Array][] = [];
  private heldBytes = 0;
  private sessionType: string | null = null;
  private agentVersion = '';
  private agreed = AWS;
  private ferryman = false;
  private readonly liveness = new Liveness();
  private paused = false;
  private encryption: ClientEncryption | null = null;
  private request: payloads.HandshakeRequest | null = null;
  /** How the server has closed the session, while what came before is still being opened. */
  private closing: payloads.Closing | null = null;
  /** A message that the far end has had: the handshake response. */
  private question: Uint8Array | null = null;

  constructor(private readonly options: ChannelOptions) {
    const window = options.window ?? DEFAULT_WINDOW;
    this.outgoing = new OutgoingStream(window, options);
    this.incoming = new IncomingStream(2 * window.bytes, options);
  }

  get ended(): boolean {
    return this.state === 'ended';
  }

  /** Whether the server has closed the session, and what came before has still to be opened. */
  get isClosing(): boolean {
    return this.closing !== null;
  }

  /** Whether the node has acknowledged everything that was given to `send`. */
  get allAcknowledged(): boolean {
    return this.held.length === 0 && this.outgoing.size === 0 && (this.encryption?.isIdle ?? true);
  }

  /** How many bytes the far end has not answered; null if it has nothing to answer, or the server holds it back. */
  get unansweredBytes(): number | null {
    if (this.state !== 'open' || this.paused) return null;
    return this.outgoing.size > 0 || this.liveness.isAsking ? this.outgoing.unacknowledgedBytes : null;
  }

  /** The present round trip to the node in seconds, smoothed; null before the first measurement. */
  get roundTrip(): number | null {
    return this.outgoing.roundTrip.recent;
  }

  /** The channel is open: resends everything unacknowledged immediately, in order. */
  connectionMade(): void {
    this.connected = true;
    this.outgoing.restart();
  }

  /** The channel is gone: sends nothing until `connectionMade`, and keeps what `send` gets. */
  connectionLost(): void {
    this.connected = false;
    this.liveness.stop();
  }

  /** Processes one WebSocket message. Never throws: a bad frame becomes a FrameRejected event. */
  receive(frame: Uint8Array, now: number): void {
    if (this.state === 'ended') return;
    try {
      this.process(decode(frame, this.agreed.Undigested !== true), now);
    } catch (error) {
      if (!(error instanceof MalformedFrame || error instanceof payloads.MalformedPayload)) throw error;
      this.reject(error.message);
    }
  }

  /** Answers a DataKeyRequested: the driver has a data key, of which this is KMS's ciphertext, in base64. */
  useDataKey(ciphertext: string): void {
    if (this.state !== 'key awaited' || this.encryption === null) return;
    this.respond({ ActionStatus: payloads.ACTION_SUCCESS, ActionResult: this.encryption.begin(ciphertext), Error: '' });
  }

  /** Answers a DataKeyRequested without a key, for this reason; the node then refuses the session. */
  refuseDataKey(reason: string): void {
    if (this.state !== 'key awaited') return;
    const Error = `Failed to process action ${payloads.KMS_ENCRYPTION_ACTION}: ${reason}`;
    this.respond({ ActionStatus: payloads.ACTION_FAILED, ActionResult: null, Error });
  }

  /** Answers a SealingRequested: nonce, ciphertext and tag. */
  sealed(bytes: Uint8Array): void {
    this.encryption?.sealed(bytes);
  }

  /** Answers an OpeningRequested; null if it was not sealed with this key. */
  opened(plaintext: Uint8Array | null, now: number): void {
    const message = this.incoming.nextMessage();
    if (this.state === 'ended' || this.encryption === null || message === undefined) return;
    try {
      this.encryption.opened(plaintext !== null);
      if (message.payloadType === PayloadType.ENCRYPTION_CHALLENGE_REQUEST) {
        const refusal = this.encryption.answer(plaintext!);
        if (refusal !== '') this.reject(refusal);
        this.incoming.advance(now, true);
      } else {
        this.pass(message.payloadType, plaintext!);
        this.incoming.advance(now, false);
      }
    } catch (error) {
      this.refuse(error);
    }
    this.deliver(now);
    if (this.closing !== null && !this.encryption.isOpening) this.close(this.closing);
  }

  /** Returns the frames to send now, in this order, and forgets that they are due. */
  framesToSend(now: number): Uint8Array[] {
    if (!this.connected || this.state === 'ended') return [];
    const frames = [...this.incoming.acknowledgements(now), ...this.outgoing.frames(now)];
    if (this.state === 'open' && this.ferryman) frames.push(...this.questions(now));
    return frames;
  }

  /** Returns when to call `framesToSend` again if nothing happens before, Infinity for never. */
  nextTimer(): number {
    if (!this.connected || this.state === 'ended') return Infinity;
    return Math.min(this.outgoing.nextTimer(), this.incoming.nextTimer(), this.liveness.nextTimer);
  }

  /** Returns what has happened since the last call, in order. */
  events(): ChannelEvent[] {
    const events = this.pending;
    this.pending = [];
    return events;
  }

  /** Returns how many bytes `send` may take now; 0 before SessionStarted and while the window is full. */
  capacity(): number {
    const waiting = this.heldBytes + (this.encryption?.waitingBytes ?? 0);
    return this.state === 'open' ? Math.max(0, this.outgoing.capacity() - waiting) : 0;
  }

  /** Sends user data, split as the node takes it; before SessionStarted it is held. Sizes and flags go beyond capacity. */
  send(payloadType: number, payload: Uint8Array): void {
    if (this.state === 'open') {
      this.add(payloadType, payload);
    } else {
      this.held.push([payloadType, payload]);
      this.heldBytes += payload.length;
    }
  }

  /** Reports that the OutputReceived with this number, and all before it, are shown. */
  acknowledge(sequenceNumber: number, now: number): void {
    this.incoming.consume(sequenceNumber, now);
    this.deliver(now);
  }

  private add(payloadType: number, payload: Uint8Array): void {
    for (let start = 0; start < payload.length; start += this.agreed.MaxPayload) {
      const piece = payload.subarray(start, start + this.agreed.MaxPayload);
      if (this.encryption === null) this.outgoing.add(payloadType, piece);
      else this.encryption.send(payloadType, piece);
    }
  }

  /** Returns the frames that ask a long silent far end whether it is still there. */
  private questions(now: number): Uint8Array[] {
    if (this.paused || this.question === null) return [];
    this.liveness.start(now);
    const wasSilent = this.liveness.silent;
    if (!this.liveness.isDue(now)) return [];
    if (this.liveness.silent && !wasSilent) this.pending.push({ type: 'FarEndFellSilent' });
    return [this.question];
  }

  private process(message: AgentMessage, now: number): void {
    const type = message.messageType;
    const fromNode = type === MessageType.OUTPUT_STREAM_DATA || type === MessageType.ACKNOWLEDGE;
    if (fromNode && this.liveness.heard(now)) this.pending.push({ type: 'FarEndAnswered' });
    switch (type) {
      case MessageType.OUTPUT_STREAM_DATA:
        this.incoming.offer(message, now);
        this.deliver(now);
        break;
      case MessageType.ACKNOWLEDGE: {
        const acknowledge = payloads.decodeAcknowledge(message.payload);
        this.outgoing.acknowledged(acknowledge.sequenceNumber, acknowledge.messageId, now);
        if (!acknowledge.sequential) this.outgoing.resume();
        break;
      }
      case MessageType.CHANNEL_CLOSED:
        this.closing = payloads.closing(message.payload);
        if (!this.encryption?.isOpening) this.close(this.closing);
        break;
      case MessageType.NOTICE:
        this.notice(payloads.decodeNotice(message.payload), now);
        break;
      case MessageType.START_PUBLICATION:
      case MessageType.PAUSE_PUBLICATION:
        break; // for nodes; a service may send them to both ends
      default:
        this.reject(`a client takes no '${type}' messages`);
    }
  }

  /** Passes on what the server says; while it holds the session back, the node's silence means nothing. */
  private notice(notice: { text: string; paused: boolean | null }, now: number): void {
    if (notice.paused !== null) {
      this.paused = notice.paused;
      this.liveness.stop();
      if (this.liveness.silent && this.liveness.heard(now)) this.pending.push({ type: 'FarEndAnswered' });
    }
    this.pending.push({ type: 'NoticeReceived', text: notice.text });
  }

  private close(closing: payloads.Closing): void {
    this.closing = null;
    this.state = 'ended';
    this.pending.push({ type: 'SessionEnded', ...closing });
  }

  private deliver(now: number): void {
    for (let message = this.incoming.nextMessage(); message !== undefined; message = this.incoming.nextMessage()) {
      if (this.encryption?.isOpening) return;
      let delivered: boolean | null;
      try {
        delivered = this.deliverOne(message);
      } catch (error) {
        this.refuse(error);
        return;
      }
      if (delivered !== null) this.incoming.advance(now, !delivered);
    }
  }

  /** Drops the next stream message, which the node sends again, if this is an error of the node's. */
  private refuse(error: unknown): void {
    if (!(error instanceof payloads.MalformedPayload || error instanceof Unopenable)) throw error;
    this.incoming.refuse();
    this.reject(error.message);
  }

  /**
   * Processes the next stream message; returns whether it went to the driver, null if it must be opened first.
   *
   * Throws MalformedPayload, Unopenable.
   */
  private deliverOne(message: AgentMessage): boolean | null {
    switch (message.payloadType) {
      case PayloadType.HANDSHAKE_REQUEST:
        this.answerHandshake(payloads.decodeHandshakeRequest(message.payload));
        return false;
      case PayloadType.HANDSHAKE_COMPLETE:
        this.completeHandshake(payloads.decodeHandshakeComplete(message.payload));
        return false;
      case PayloadType.ENCRYPTION_CHALLENGE_REQUEST:
        if (this.encryption?.open(message.payloadType, message.payload)) return null;
        this.reject('an encryption challenge came without encryption');
        return false;
      case PayloadType.ERROR:
        if (this.state !== 'key awaited' && this.state !== 'shaking hands') break;
        this.pending.push({ type: 'ClientNotAccepted', reason: new TextDecoder().decode(message.payload) });
        return false;
    }
    if (this.encryption !== null) {
      if (this.state !== 'open') throw new Unopenable('the node sent output before the session was encrypted');
      if (this.encryption.open(message.payloadType, message.payload)) return null;
    }
    if (this.state === 'waiting') this.start('Standard_Stream');
    this.pass(message.payloadType, message.payload);
    return true;
  }

  private pass(payloadType: number, payload: Uint8Array): void {
    this.pending.push({ type: 'OutputReceived', sequenceNumber: this.incoming.expected, payloadType, payload });
  }

  private answerHandshake(request: payloads.HandshakeRequest): void {
    if (this.state !== 'waiting') {
      this.reject('a second handshake request');
      return;
    }
    const kms = encryptionOf(request);
    this.sessionType = sessionTypeOf(request);
    this.request = request;
    if (kms === null || this.sessionType === null) {
      this.respond(null);
      return;
    }
    this.encryption = new ClientEncryption(
      kms,
      this.options.entropy,
      (event) => this.pending.push(event),
      (payloadType, payload) => void this.outgoing.add(payloadType, payload),
    );
    this.state = 'key awaited';
    this.pending.push({ type: 'DataKeyRequested', ...kms });
  }

  /** Answers the handshake request; `encryption` is the result of that action, null if it was not asked for. */
  private respond(encryption: EncryptionResult | null): void {
    const request = this.request!;
    if (request.Ferryman !== null) {
      this.ferryman = true;
      this.agreed = agree(request.Ferryman);
    }
    this.agentVersion = request.AgentVersion;
    this.state = 'shaking hands';
    const { clientVersion, terminalType } = this.options;
    const response = responseTo(request, processed(request, encryption), clientVersion, terminalType);
    this.question = this.outgoing.add(PayloadType.HANDSHAKE_RESPONSE, payloads.encodeJson(response));
  }

  private completeHandshake(customerMessage: string): void {
    if (this.state !== 'shaking hands' || this.sessionType === null) {
      this.reject('the handshake was completed before a session type was agreed');
      return;
    }
    if (this.encryption !== null && !this.encryption.proven) {
      this.reject('the handshake was completed before the node showed that it has the data key');
      return;
    }
    if (customerMessage !== '') this.pending.push({ type: 'CustomerMessageReceived', text: customerMessage });
    this.start(this.sessionType);
  }

  private start(sessionType: string): void {
    this.state = 'open';
    if (this.ferryman) {
      this.outgoing.meetFerryman(this.agreed.Undigested !== true);
      this.incoming.acknowledgeTogether(MAX_WINDOW_BYTES);
    }
    for (const [payloadType, payload] of this.held.splice(0)) this.add(payloadType, payload);
    this.heldBytes = 0;
    const { agentVersion, agreed } = this;
    const kmsKeyId = this.encryption?.asked.kmsKeyId ?? '';
    this.pending.push({ type: 'SessionStarted', sessionType, agentVersion, agreed, kmsKeyId });
  }

  private reject(reason: string): void {
    this.rejectedFrames += 1;
    this.pending.push({ type: 'FrameRejected', reason });
  }
}
