import { beforeEach, expect, it, vi } from 'vitest';
import type { ConnectionEvent } from '../src/lib/terminal/connection';
import { run, type Command } from '../src/lib/transfer/command';

/** What the newest connection is told, as if by the node. */
let tell: (event: ConnectionEvent) => void;
const connections = vi.hoisted(() => ({ count: 0, closed: 0 }));

vi.mock('../src/lib/terminal/connection', () => ({
  SessionConnection: class {
    channel = { capacity: () => 1024, ended: false };
    constructor(_grant: unknown, _terminal: string, handle: (event: ConnectionEvent) => void) {
      tell = handle;
      connections.count += 1;
    }
    run = async () => undefined;
    send = () => undefined;
    acknowledge = () => undefined;
    close = () => void (connections.closed += 1);
  },
}));

let called: string[] = [];
let answer: () => void;

beforeEach(() => {
  called = [];
  connections.count = connections.closed = 0;
  globalThis.fetch = (async (path: string) => {
    called.push(path.split('/').at(-1)!);
    if (path.endsWith('StartSession')) await new Promise<void>((resolve) => (answer = resolve));
    return new Response('{"SessionId": "session-1", "StreamUrl": "wss://x/", "TokenValue": "token"}');
  }) as typeof fetch;
});

const settled = () => new Promise((resolve) => setTimeout(resolve));

function begin(over: Partial<Command> = {}): { copied: Promise<unknown>; stop: AbortController } {
  const stop = new AbortController();
  const command = { nodeId: 'mi-1', arguments: ['true'], reason: '', onOutput: () => undefined, signal: stop.signal };
  const copied = run({ ...command, ...over });
  copied.catch(() => undefined);
  return { copied, stop };
}

const started: ConnectionEvent = {
  type: 'SessionStarted',
  sessionType: 'NonInteractiveCommands',
  agentVersion: '1.0',
  agreed: { MaxPayload: 1024, Undigested: true, Stdin: true, ExitCode: true },
  kmsKeyId: '',
};

it('a copy that is stopped before its session has started ends the session', async () => {
  const { copied, stop } = begin();
  stop.abort();
  answer();
  await expect(copied).rejects.toThrow('The copy was stopped.');
  expect(called).toEqual(['StartSession', 'TerminateSession']);
  expect(connections.count).toBe(0);
});

it('a copy that was stopped starts no further session', async () => {
  await expect(begin({ signal: AbortSignal.abort() }).copied).rejects.toThrow('The copy was stopped.');
  expect(called).toEqual([]);
});

it('a copy that is over is not ended again', async () => {
  const { copied, stop } = begin();
  answer();
  await settled();
  tell(started);
  tell({ type: 'OutputReceived', sequenceNumber: 1, payloadType: 12, payload: new TextEncoder().encode('0') });
  tell({ type: 'SessionEnded', output: '', lost: false });
  await expect(copied).resolves.toEqual({ exitCode: 0, complaint: '' });
  stop.abort();
  await settled();
  expect(called).toEqual(['StartSession']);
  expect(connections.closed).toBe(0);
});

it('a file that cannot be read any longer fails the copy', async () => {
  async function* changed(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    throw new DOMException('The file was changed.', 'NotReadableError');
  }
  const { copied } = begin({ input: changed() });
  answer();
  await settled();
  tell(started);
  await expect(copied).rejects.toThrow('The file was changed.');
  expect(called).toEqual(['StartSession', 'TerminateSession']);
});
