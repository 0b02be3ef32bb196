/**
 * Keeps one session connected: WebSockets, one after another, and the engine between them.
 *
 * The first is opened with StartSession's token, each later one with a token of ResumeSession. Ordering and resending are
 * the engine's, so nothing is lost or doubled when a connection or the server goes away.
 */

import { call } from '../api/call';
import { ApiError } from '../api/errors';
import { delay } from '../channel/backoff';
import { ClientChannel } from '../channel/clientChannel';
import { Doubt } from '../channel/doubt';
import type { ChannelEvent, DataKeyRequested, OpeningRequested, SealingRequested } from '../channel/events';
import { DataKeyFailed, generateDataKey } from './dataKeys';
import type { SessionCipher } from './sessionCipher';

/** What the agents are told; above the version from which they speak everything (client.md §8.5). */
const CLIENT_VERSION = '1.3.1.0';
const RECONNECT_SECONDS = 300;
const OPEN_SECONDS = 15;
/** What is asked while a connection is silent may be asked of the same lost server. */
const ANSWER_SECONDS = 5;
/** What the browser may hold for a slow network before the engine waits. */
const BUFFERED_BYTES = 1 << 20;
const BRIEF_SECONDS = 1;
/** A server that has ended a session closes the connection, too. */
const LEAVE_SECONDS = 5;
/** An answer with one of these says that the session is over, or not ours. */
const FINAL = new Set(['DoesNotExistException', 'AccessDeniedException', 'ValidationException']);

export interface Grant {
  sessionId: string;
  /** The node's id. */
  target: string;
  streamUrl: string;
  token: string;
}

export type ConnectionEvent =
  | Exclude<ChannelEvent, DataKeyRequested | OpeningRequested | SealingRequested>
  | { type: 'ConnectionLost' }
  | { type: 'ConnectionRestored' }
  | { type: 'ConnectionFailed'; reason: string }
  /** The browser has no data key; the node ends the session then. */
  | { type: 'EncryptionFailed'; reason: string };

const now = () => performance.now() / 1000;
const wait = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export class SessionConnection {
  readonly channel: ClientChannel;
  private readonly clientId = crypto.randomUUID();
  private socket: WebSocket | null = null;
  /** Ends `connect` without waiting until a silent server has let the connection be closed. */
  private leave: () => void = () => undefined;
  /** Another connection, open and unused, and its token. */
  private next: { socket: WebSocket; token: string } | null = null;
  private readonly doubt = new Doubt();
  private heardAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private handing = false;
  private cipher: SessionCipher | null = null;

  constructor(
    private readonly grant: Grant,
    terminalType: string,
    private readonly handle: (event: ConnectionEvent) => void,
    /** Called after every step: there may be room to send more. */
    private readonly progressed: () => void = () => undefined,
  ) {
    this.channel = new ClientChannel({
      entropy: (count) => crypto.getRandomValues(new Uint8Array(count)),
      wallClockMs: () => Date.now(),
      clientVersion: CLIENT_VERSION,
      terminalType,
    });
  }

  /** Runs until the session ends, `close` is called, or it cannot be connected any longer. */
  async run(): Promise<void> {
    let { streamUrl, token } = this.grant;
    let first = true;
    let attempt = 0;
    let lostAt = now();
    while (!this.over) {
      let opened = await this.connect(new WebSocket(sameOrigin(streamUrl)), token, first);
      while (this.next !== null && !this.over) {
        const next = this.next;
        this.next = null;
        attempt = 0;
        lostAt = now();
        opened = await this.connect(next.socket, next.token, false);
      }
      if (this.over) return;
      if (opened !== null) {
        if (opened >= BRIEF_SECONDS) attempt = 0;
        if (opened >= BRIEF_SECONDS || first) lostAt = now();
        this.handle({ type: 'ConnectionLost' });
      }
      first = false;
      for (;;) {
        if (this.over) return;
        if (now() - lostAt > RECONNECT_SECONDS) {
          this.fail(`The connection was lost and could not be restored within ${RECONNECT_SECONDS / 60} minutes.`);
          return;
        }
        await wait(delay(attempt++, Math.random()));
        if (this.over) return;
        try {
          const resumed = await call('ssm/ResumeSession', { SessionId: this.grant.sessionId });
          if (!resumed.TokenValue) {
            this.fail('The session is over.');
            return;
          }
          token = resumed.TokenValue;
          streamUrl = resumed.StreamUrl ?? streamUrl;
          break;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (FINAL.has(error.code)) {
            this.fail(error.message);
            return;
          }
        }
      }
    }
  }

  /** Leaves the session as it is: it may be resumed until the server's time for that is over. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  send(payloadType: number, payload: Uint8Array): void {
    this.channel.send(payloadType, payload);
    this.pump();
  }

  acknowledge(sequenceNumber: number): void {
    this.channel.acknowledge(sequenceNumber, now());
    this.pump();
  }

  private get over(): boolean {
    return this.closed || this.channel.ended || this.channel.isClosing;
  }

  private fail(reason: string): void {
    this.closed = true;
    this.handle({ type: 'ConnectionFailed', reason });
  }

  /** Opens a second connection while this one is silent, and moves to it unless this one has spoken by then. */
  private async tryAnother(): Promise<void> {
    const { socket: silent, heardAt } = this;
    const isStillSilent = () => !this.over && this.socket === silent && this.heardAt === heardAt;
    const resumed = await call(
      'ssm/ResumeSession',
      { SessionId: this.grant.sessionId },
      AbortSignal.timeout(ANSWER_SECONDS * 1000),
    ).catch(() => null);
    if (!resumed?.TokenValue || !isStillSilent()) return;
    const socket = await opened(new WebSocket(sameOrigin(resumed.StreamUrl ?? this.grant.streamUrl)));
    if (socket === null) return;
    if (isStillSilent()) {
      this.next = { socket, token: resumed.TokenValue };
      this.leave();
    } else {
      socket.close();
    }
  }

  /** Serves a WebSocket, opening or open, until it is gone; returns for how many seconds it was open, null for never. */
  private connect(socket: WebSocket, token: string, first: boolean): Promise<number | null> {
    return new Promise((resolve) => {
      this.socket = socket;
      socket.binaryType = 'arraybuffer';
      let openedAt: number | null = null;
      const tooLong = setTimeout(() => socket.close(), OPEN_SECONDS * 1000);
      const begin = () => {
        clearTimeout(tooLong);
        openedAt = now();
        socket.send(
          JSON.stringify({
            MessageSchemaVersion: '1.0',
            RequestId: crypto.randomUUID(),
            TokenValue: token,
            ClientId: this.clientId,
            ClientVersion: CLIENT_VERSION,
          }),
        );
        this.doubt.connected();
        this.channel.connectionMade();
        if (!first) this.handle({ type: 'ConnectionRestored' });
        this.pump();
      };
      socket.onmessage = (message: MessageEvent<unknown>) => {
        if (!(message.data instanceof ArrayBuffer)) return;
        this.heardAt = now();
        this.doubt.heard();
        this.channel.receive(new Uint8Array(message.data), now());
        this.pump();
      };
      const end = () => {
        clearTimeout(tooLong);
        clearTimeout(this.timer);
        this.channel.connectionLost();
        this.socket = null;
        resolve(openedAt === null ? null : now() - openedAt);
      };
      socket.onopen = begin;
      socket.onclose = end;
      this.leave = () => {
        socket.onmessage = socket.onclose = null;
        socket.close();
        end();
      };
      if (socket.readyState === WebSocket.OPEN) begin();
      else if (socket.readyState !== WebSocket.CONNECTING) end();
    });
  }

  private async useDataKey(requested: DataKeyRequested): Promise<void> {
    try {
      const { cipher, ciphertext } = await generateDataKey(this.grant, requested);
      this.cipher = cipher;
      this.channel.useDataKey(ciphertext);
    } catch (error) {
      if (!(error instanceof DataKeyFailed)) throw error;
      this.handle({ type: 'EncryptionFailed', reason: error.message });
      this.channel.refuseDataKey(error.message);
    }
    this.pump();
  }

  private async seal({ nonce, plaintext }: SealingRequested): Promise<void> {
    this.channel.sealed(await this.cipher!.seal(nonce, plaintext));
    this.pump();
  }

  private async open({ sealed }: OpeningRequested): Promise<void> {
    this.channel.opened(await this.cipher!.open(sealed), now());
    this.pump();
  }

  /** Hands events out, in order: what an event's handler causes comes after the events that were there before. */
  private handOut(): void {
    if (this.handing) return;
    this.handing = true;
    try {
      for (let events = this.channel.events(); events.length > 0; events = this.channel.events()) {
        for (const event of events) this.take(event);
      }
    } finally {
      this.handing = false;
    }
  }

  private take(event: ChannelEvent): void {
    switch (event.type) {
      case 'DataKeyRequested':
        void this.useDataKey(event);
        break;
      case 'SealingRequested':
        void this.seal(event);
        break;
      case 'OpeningRequested':
        void this.open(event);
        break;
      default:
        this.handle(event);
    }
  }

  /** Hands events out, sends what is due, and sets the timer for the next. */
  private pump(): void {
    this.handOut();
    this.progressed();
    const { socket } = this;
    if (socket === null || socket.readyState !== WebSocket.OPEN) return;
    while (socket.bufferedAmount < BUFFERED_BYTES) {
      const frames = this.channel.framesToSend(now());
      if (frames.length === 0) break;
      for (const frame of frames) socket.send(frame as Uint8Array<ArrayBuffer>);
    }
    clearTimeout(this.timer);
    if (this.doubt.isDue(now(), this.channel.unansweredBytes)) void this.tryAnother();
    const due = Math.min(this.channel.nextTimer(), this.doubt.nextTimer);
    if (this.channel.ended) this.timer = setTimeout(() => socket.close(), LEAVE_SECONDS * 1000);
    else if (due !== Infinity) {
      const pause = socket.bufferedAmount < BUFFERED_BYTES ? Math.max(0, due - now()) : 0.01;
      this.timer = setTimeout(() => this.pump(), Math.min(pause * 1000, 2 ** 31 - 1));
    }
  }
}

/** Returns the WebSocket once it is open, null if it is not within OPEN_SECONDS. */
function opened(socket: WebSocket): Promise<WebSocket | null> {
  return new Promise((resolve) => {
    const tooLong = setTimeout(() => socket.close(), OPEN_SECONDS * 1000);
    socket.onopen = () => {
      clearTimeout(tooLong);
      resolve(socket);
    };
    socket.onclose = () => {
      clearTimeout(tooLong);
      resolve(null);
    };
  });
}

/** Returns the WebSocket address of a StreamUrl on the page's own server: no other may be asked. */
export function sameOrigin(streamUrl: string): string {
  const { pathname, search } = new URL(streamUrl);
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${pathname}${search}`;
}
