import { beforeEach, expect, it, vi } from 'vitest';

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
class Stream extends EventTarget {
  static newest: Stream;
  readyState = 1;
  static CLOSED = 2;
  constructor() {
    super();
    Stream.newest = this;
  }
  close(): void {}
}
vi.stubGlobal('document', page);
vi.stubGlobal('EventSource', Stream);
vi.stubGlobal('BroadcastChannel', class {});
const { live } = await import('../src/lib/events.svelte');
const { session } = await import('../src/lib/session.svelte');

const told = vi.fn();
live.on('sessions', told);
const tell = (event: string) => Stream.newest.dispatchEvent(new Event(event));

beforeEach(() => {
  told.mockClear();
});

it('a stream that opens at first tells nothing, since the page has just been loaded', () => {
  live.open();
  tell('open');
  expect(told).not.toHaveBeenCalled();
});

it('what changed during an outage is told when it is over', () => {
  tell('error');
  expect(told).not.toHaveBeenCalled();
  tell('open');
  expect(told).toHaveBeenCalledOnce();
  tell('open');
  expect(told).toHaveBeenCalledOnce();
});

it('what changed while nobody was signed in is told to whoever has signed in again', () => {
  session.expired = true;
  live.close();
  session.expired = false;
  live.open();
  tell('open');
  expect(told).toHaveBeenCalledOnce();
});
