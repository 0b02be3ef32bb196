/**
 * The client's end of a data channel, without I/O (docs/reference/protocol/client.md, sections 7 and 8).
 *
 * The far end is Ferryman's agent, or AWS's: with a handshake, or, for its plain shells, without one.
 */

import { MalformedFrame, MessageType, PayloadType, decode, type AgentMessage } from '../wire/agentMessage';
import * as payloads from '../wire/payloads';
import type { Extensions, ProcessedAction, RequestedAction } from '../wire/payloads';
import type { ChannelEvent } from './events';
import { Liveness } from './liveness';
import { IncomingStream } from './streams/incoming';
import { OutgoingStream, type Surroundings } from './streams/outgoing';
import { DEFAULT_WINDOW, MAX_WINDOW_BYTES, type Window } from './streams/window';

/** The largest payload that AWS's ends send themselves. */
const AWS: Extensions = { MaxPayload: 1024 };
const OURS: Extensions = { MaxPayload: 131072, Undigested: true, Stdin: true, ExitCode: true };
const SESSION_TYPES = new Set(['Standard_Stream', 'InteractiveCommands', 'NonInteractiveCommands', 'Port']);

export interface ChannelOptions extends Surroundings {
  clientVersion: string;
  /** TERM of the terminal, empty if there is none. */
  terminalType: string;
  window?: Window;
}

type State = 'waiting' | 'shaking hands' | 'open' | 'ended';

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
  private encryptionAsked = false;
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

  /** Whether the node asks for encryption with a KMS key, which this end refuses: the node ends the session then. */
  get needsEncryption(): boolean {
    return this.encryptionAsked;
  }

  /** Whether the node has acknowledged everything that was given to `send`. */
  get allAcknowledged(): boolean {
    return this.held.length === 0 && this.outgoing.size === 0;
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
    return this.state === 'open' ? Math.max(0, this.outgoing.capacity() - this.heldBytes) : 0;
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
      this.outgoing.add(payloadType, payload.subarray(start, start + this.agreed.MaxPayload));
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
        this.state = 'ended';
        this.pending.push({ type: 'SessionEnded', ...payloads.closing(message.payload) });
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

  private deliver(now: number): void {
    for (let message = this.incoming.nextMessage(); message !== undefined; message = this.incoming.nextMessage()) {
      let delivered: boolean;
      try {
        delivered = this.deliverOne(message);
      } catch (error) {
        if (!(error instanceof payloads.MalformedPayload)) throw error;
        this.incoming.refuse();
        this.reject(error.message);
        return;
      }
      this.incoming.advance(now, !delivered);
    }
  }

  /** Processes the next stream message; returns whether it went to the driver. Throws MalformedPayload. */
  private deliverOne(message: AgentMessage): boolean {
    switch (message.payloadType) {
      case PayloadType.HANDSHAKE_REQUEST:
        this.answerHandshake(payloads.decodeHandshakeRequest(message.payload));
        return false;
      case PayloadType.HANDSHAKE_COMPLETE:
        this.completeHandshake(payloads.decodeHandshakeComplete(message.payload));
        return false;
      case PayloadType.ENCRYPTION_CHALLENGE_REQUEST:
        this.reject('an encryption challenge came without encryption');
        return false;
      default:
        if (this.state === 'waiting') this.start('Standard_Stream');
        this.pending.push({
          type: 'OutputReceived',
          sequenceNumber: this.incoming.expected,
          payloadType: message.payloadType,
          payload: message.payload,
        });
        return true;
    }
  }

  private answerHandshake(request: payloads.HandshakeRequest): void {
    if (this.state !== 'waiting') {
      this.reject('a second handshake request');
      return;
    }
    const actions = request.RequestedClientActions.map((action) => this.processAction(action));
    const errors = actions.map((action) => action.Error).filter((error) => error !== '');
    if (request.Ferryman !== null) {
      const theirs = request.Ferryman;
      this.ferryman = true;
      this.agreed = {
        MaxPayload: Math.max(1, Math.min(OURS.MaxPayload, theirs.MaxPayload)),
        Undigested: theirs.Undigested === true,
        Stdin: theirs.Stdin === true,
        ExitCode: theirs.ExitCode === true,
      };
    }
    this.agentVersion = request.AgentVersion;
    this.state = 'shaking hands';
    const response = {
      ClientVersion: this.options.clientVersion,
      ProcessedClientActions: actions,
      Errors: errors.length > 0 ? errors : null,
      ...(this.ferryman ? { Ferryman: { ...OURS, TerminalType: this.options.terminalType } } : {}),
    };
    this.question = this.outgoing.add(PayloadType.HANDSHAKE_RESPONSE, payloads.encodeJson(response));
  }

  private processAction(action: RequestedAction): ProcessedAction {
    const { ActionType } = action;
    if (ActionType === payloads.KMS_ENCRYPTION_ACTION) this.encryptionAsked = true;
    if (ActionType !== payloads.SESSION_TYPE_ACTION) {
      const Error = `Unsupported action ${ActionType}`;
      return { ActionType, ActionStatus: payloads.ACTION_UNSUPPORTED, ActionResult: null, Error };
    }
    const sessionType = payloads.decodeSessionType(action.ActionParameters);
    if (!SESSION_TYPES.has(sessionType)) {
      const Error = `Failed to process action ${ActionType}: Unknown session type ${sessionType}`;
      return { ActionType, ActionStatus: payloads.ACTION_FAILED, ActionResult: null, Error };
    }
    this.sessionType = sessionType;
    return { ActionType, ActionStatus: payloads.ACTION_SUCCESS, ActionResult: null, Error: '' };
  }

  private completeHandshake(customerMessage: string): void {
    if (this.state !== 'shaking hands' || this.sessionType === null) {
      this.reject('the handshake was completed before a session type was agreed');
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
    this.pending.push({ type: 'SessionStarted', sessionType, agentVersion, agreed });
  }

  private reject(reason: string): void {
    this.rejectedFrames += 1;
    this.pending.push({ type: 'FrameRejected', reason });
  }
}
