import { describe, expect, it } from 'vitest';
import { ClientChannel } from '../../src/lib/channel/clientChannel';
import { MessageType, PayloadType, decode, encode, type AgentMessage } from '../../src/lib/wire/agentMessage';
import { encodeJson } from '../../src/lib/wire/payloads';

const entropy = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const options = { entropy, wallClockMs: () => 1, clientVersion: '1.3.1.0', terminalType: 'xterm-256color' };
const text = (value: string) => new TextEncoder().encode(value);

function frame(sequence: number | bigint, payloadType: number, payload: Uint8Array, over: Partial<AgentMessage> = {}) {
  return encode({
    messageType: MessageType.OUTPUT_STREAM_DATA,
    sequenceNumber: BigInt(sequence),
    flags: 0n,
    messageId: crypto.randomUUID(),
    createdDate: 1n,
    payloadType,
    payload,
    schemaVersion: 1,
    ...over,
  });
}

const request = (sessionType: string, ferryman: unknown = null) =>
  encodeJson({
    AgentVersion: '3.2.0.0',
    RequestedClientActions: [{ ActionType: 'SessionType', ActionParameters: { SessionType: sessionType } }],
    ...(ferryman === null ? {} : { Ferryman: ferryman }),
  });
const complete = (message = '') => encodeJson({ HandshakeTimeToComplete: 1, CustomerMessage: message });

function connected(): ClientChannel {
  const channel = new ClientChannel(options);
  channel.connectionMade();
  return channel;
}

function opened(): ClientChannel {
  const channel = connected();
  channel.receive(frame(0, PayloadType.HANDSHAKE_REQUEST, request('Standard_Stream')), 0);
  channel.receive(frame(1, PayloadType.HANDSHAKE_COMPLETE, complete()), 0);
  channel.events();
  channel.framesToSend(0);
  return channel;
}

describe('the handshake', () => {
  it('opens the session, answers with what was done, and shows the text for the person', () => {
    const channel = connected();
    const offer = { MaxPayload: 4096, Undigested: true };
    channel.receive(frame(0, PayloadType.HANDSHAKE_REQUEST, request('Standard_Stream', offer)), 0);
    const frames = channel.framesToSend(0).map((each) => decode(each));
    expect(frames.map((each) => each.messageType)).toEqual([MessageType.ACKNOWLEDGE, MessageType.INPUT_STREAM_DATA]);
    const response = JSON.parse(new TextDecoder().decode(frames[1]!.payload));
    expect(response.ProcessedClientActions[0].ActionStatus).toBe(1);
    expect(response.Ferryman.TerminalType).toBe('xterm-256color');
    channel.receive(frame(1, PayloadType.HANDSHAKE_COMPLETE, complete('Welcome')), 0);
    expect(channel.events()).toEqual([
      { type: 'CustomerMessageReceived', text: 'Welcome' },
      {
        type: 'SessionStarted',
        sessionType: 'Standard_Stream',
        agentVersion: '3.2.0.0',
        agreed: { MaxPayload: 4096, Undigested: true, Stdin: false, ExitCode: false },
        kmsKeyId: '',
      },
    ]);
  });

  it('is refused for an unknown action', () => {
    const channel = connected();
    const asked = {
      AgentVersion: '1',
      RequestedClientActions: [{ ActionType: 'Compression', ActionParameters: {} }],
    };
    channel.receive(frame(0, PayloadType.HANDSHAKE_REQUEST, encodeJson(asked)), 0);
    const response = JSON.parse(new TextDecoder().decode(decode(channel.framesToSend(0)[1]!).payload));
    expect(response.Errors).toEqual(['Unsupported action Compression']);
  });

  it('is not needed: a plain shell of an agent that sends output opens it', () => {
    const channel = connected();
    channel.receive(frame(0, PayloadType.OUTPUT, text('$ ')), 0);
    expect(channel.events().map((each) => each.type)).toEqual(['SessionStarted', 'OutputReceived']);
  });

  it('that is malformed is dropped unacknowledged, and a good one is taken in its place', () => {
    const channel = connected();
    channel.receive(frame(0, PayloadType.HANDSHAKE_REQUEST, text('{"AgentVersion": 3}')), 0);
    expect(channel.events()[0]).toMatchObject({ type: 'FrameRejected' });
    expect(channel.framesToSend(0)).toEqual([]);
    channel.receive(frame(0, PayloadType.HANDSHAKE_REQUEST, request('Standard_Stream')), 0);
    expect(channel.framesToSend(0)).toHaveLength(2);
  });
});

describe('memory', () => {
  it('holds a bounded amount that arrived ahead of a gap', () => {
    const channel = opened();
    const payload = new Uint8Array(64 * 1024);
    for (let number = 3; number < 200; number++) channel.receive(frame(number, PayloadType.OUTPUT, payload), 0);
    channel.receive(frame(2, PayloadType.OUTPUT, payload), 0);
    const received = channel.events().filter((each) => each.type === 'OutputReceived');
    expect(received.length).toBeLessThanOrEqual((2 << 20) / payload.length + 1);
  });

  it('hands out a bounded amount that is not yet shown, and the rest once it is', () => {
    const channel = opened();
    const payload = new Uint8Array(512 * 1024);
    for (let number = 2; number < 12; number++) channel.receive(frame(number, PayloadType.OUTPUT, payload), 0);
    expect(channel.events()).toHaveLength(4);
    channel.acknowledge(5, 0);
    expect(channel.events().length).toBeGreaterThan(0);
  });

  it('ignores numbers that no stream reaches', () => {
    const channel = opened();
    for (const number of [2n ** 62n, -1n, -(2n ** 63n)]) channel.receive(frame(number, 1, text('x')), 0);
    expect(channel.events()).toEqual([]);
    expect(channel.framesToSend(0)).toEqual([]);
  });
});

describe('the end', () => {
  it('has its reason, and is final', () => {
    const channel = opened();
    const closed = encodeJson({ Output: 'Ended by alice', Ferryman: { Lost: true } });
    channel.receive(frame(0, 0, closed, { messageType: MessageType.CHANNEL_CLOSED }), 0);
    expect(channel.events()).toEqual([{ type: 'SessionEnded', output: 'Ended by alice', lost: true }]);
    channel.receive(frame(2, PayloadType.OUTPUT, text('late')), 0);
    expect(channel.events()).toEqual([]);
    expect(channel.nextTimer()).toBe(Infinity);
  });

  it('comes however malformed its reason is', () => {
    const channel = opened();
    channel.receive(frame(0, 0, text('{'), { messageType: MessageType.CHANNEL_CLOSED }), 0);
    expect(channel.events()).toEqual([{ type: 'SessionEnded', output: '', lost: false }]);
  });
});

it('a connection that is made again carries everything unacknowledged again, in order, as the same bytes', () => {
  const channel = opened();
  for (const key of ['a', 'b', 'c']) channel.send(PayloadType.OUTPUT, text(key));
  const first = channel.framesToSend(0);
  channel.connectionLost();
  expect(channel.framesToSend(1)).toEqual([]);
  channel.connectionMade();
  const again = channel.framesToSend(2);
  expect(again.slice(-3)).toEqual(first);
});
