import { beforeEach, expect, it, vi } from 'vitest';
import type { ChannelEvent } from '../src/lib/channel/events';
import { SessionConnection } from '../src/lib/terminal/connection';

const channel = vi.hoisted(() => ({ pending: [] as unknown[], held: [] as unknown[] }));

/** A channel that holds output back until something before it is acknowledged. */
vi.mock('../src/lib/channel/clientChannel', () => ({
  ClientChannel: class {
    ended = false;
    isClosing = false;
    unansweredBytes = null;
    connectionMade = () => undefined;
    connectionLost = () => undefined;
    framesToSend = () => [];
    nextTimer = () => Infinity;
    receive = () => undefined;
    events = () => channel.pending.splice(0);
    acknowledge = () => channel.pending.push(...channel.held.splice(0));
  },
}));

class Socket {
  static newest: Socket;
  static OPEN = 1;
  static CONNECTING = 0;
  readyState = 0;
  bufferedAmount = 0;
  onopen = () => undefined;
  onclose = () => undefined;
  onmessage = (_message: unknown) => undefined;
  constructor() {
    Socket.newest = this;
  }
  send(): void {}
  close(): void {}
}

let resumed = 0;
beforeEach(() => {
  vi.stubGlobal('WebSocket', Socket);
  vi.stubGlobal('location', { protocol: 'https:', host: 'console.example' });
  resumed = 0;
  vi.stubGlobal('fetch', async () => {
    resumed += 1;
    return new Response('{"TokenValue": "token"}');
  });
});

const grant = {
  sessionId: 'session-1',
  target: 'mi-1',
  streamUrl: 'wss://console.example/v1/data-channel/1',
  token: '',
};
const output = (sequenceNumber: number): ChannelEvent => ({
  type: 'OutputReceived',
  sequenceNumber,
  payloadType: 1,
  payload: new Uint8Array(),
});

it('output comes in order, also when the first of it is acknowledged immediately', () => {
  const seen: number[] = [];
  const connection = new SessionConnection(grant, '', (event) => {
    if (event.type !== 'OutputReceived') return;
    seen.push(event.sequenceNumber);
    connection.acknowledge(event.sequenceNumber);
  });
  void connection.run();
  channel.pending.push(output(1), output(2));
  channel.held.push(output(3));
  Socket.newest.onmessage({ data: new ArrayBuffer(1) });
  expect(seen).toEqual([1, 2, 3]);
});

it('a session that is left while its connection is lost is not resumed', async () => {
  vi.useFakeTimers();
  const connection = new SessionConnection(grant, '', () => undefined);
  const running = connection.run();
  Socket.newest.onclose();
  await vi.advanceTimersByTimeAsync(0);
  connection.close();
  await vi.advanceTimersByTimeAsync(10_000);
  await running;
  expect(resumed).toBe(0);
  vi.useRealTimers();
});
