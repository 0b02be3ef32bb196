import { Terminal } from '@xterm/xterm';
import { beforeEach, expect, it, vi } from 'vitest';
import { WatchedScreen } from '../src/lib/watching/screen';
import { watch } from '../src/lib/watching/stream';

const lines = (terminal: Terminal) =>
  Array.from({ length: terminal.rows }, (_, row) => terminal.buffer.active.getLine(row)!.translateToString(true));
const parsed = (terminal: Terminal) => new Promise<void>((resolve) => terminal.write('', resolve));

function shown(): { terminal: Terminal; screen: WatchedScreen } {
  const terminal = new Terminal({ cols: 10, rows: 3, allowProposedApi: true });
  return { terminal, screen: new WatchedScreen(terminal) };
}

it('text that came before another size is drawn in the size that it was written for', async () => {
  const { terminal, screen } = shown();
  screen.write('0123456789\x1b[1;10HX');
  screen.resize(4, 3);
  screen.write('\x1b[3;1Hend');
  await parsed(terminal);
  const { screen: other, terminal: whole } = shown();
  other.write('0123456789\x1b[1;10HX');
  await parsed(whole);
  whole.resize(4, 3);
  other.write('\x1b[3;1Hend');
  await parsed(whole);
  expect(lines(terminal)).toEqual(lines(whole));
  expect(terminal.cols).toBe(4);
});

it('text that came before a reset is gone after it', async () => {
  const { terminal, screen } = shown();
  screen.write('before the connection was lost');
  screen.reset(12, 2, 'after');
  await parsed(terminal);
  expect(lines(terminal)).toEqual(['after', '']);
});

it('a screen that is closed leaves its terminal alone', async () => {
  const { terminal, screen } = shown();
  screen.resize(4, 3);
  screen.close();
  await parsed(terminal);
  expect(terminal.cols).toBe(10);
});

const opened: string[] = [];
class Socket {
  constructor(address: string) {
    opened.push(address);
  }
  close(): void {}
}

beforeEach(() => {
  opened.length = 0;
  vi.stubGlobal('WebSocket', Socket);
  vi.stubGlobal('location', { protocol: 'https:', host: 'console.example' });
});

it.each([
  ['watches a session once the server allows it', false, 1],
  ['does not watch a session that was left before the server allowed it', true, 0],
])('%s', async (_what, leaves, connections) => {
  let answer = (_response: Response) => {};
  vi.stubGlobal('fetch', () => new Promise<Response>((resolve) => (answer = resolve)));
  const announced = vi.fn();
  const watching = watch('session', { event: vi.fn(), lost: vi.fn(), failed: vi.fn() }, announced);
  if (leaves) watching.close();
  answer(new Response('{"StreamUrl": "wss://console.example/v1/watch", "TokenValue": "token"}'));
  await new Promise((resolve) => setTimeout(resolve));
  expect(opened).toHaveLength(connections);
  expect(announced).toHaveBeenCalledTimes(connections);
});
