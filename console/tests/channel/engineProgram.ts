/**
 * The engine as a program, for tests/property/channel: a line of JSON on stdin is one call, a line on stdout is its answer.
 * Every answer has what a driver may ask afterwards, so that one exchange is enough for one step.
 */

import { createInterface } from 'node:readline';
import { ClientChannel } from '../../src/lib/channel/clientChannel';
import type { Window } from '../../src/lib/channel/streams/window';

interface Call {
  call: 'new' | 'connectionMade' | 'connectionLost' | 'receive' | 'frames' | 'send' | 'acknowledge';
  now: number;
  window?: Window;
  frame?: string;
  payloadType?: number;
  payload?: string;
  number?: number;
}

const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

let seed = 1;
/** Random enough for message ids, and the same in every run. */
function entropy(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed >>> 24;
  });
}

function newChannel(window: Window | undefined): ClientChannel {
  const options = { entropy, wallClockMs: () => 1, clientVersion: '1.3.1.0', terminalType: 'xterm-256color' };
  return new ClientChannel(window === undefined ? options : { ...options, window });
}

let channel = newChannel(undefined);

function perform(call: Call): Uint8Array[] {
  switch (call.call) {
    case 'new':
      channel = newChannel(call.window);
      return [];
    case 'connectionMade':
      channel.connectionMade();
      return [];
    case 'connectionLost':
      channel.connectionLost();
      return [];
    case 'receive':
      channel.receive(fromBase64(call.frame!), call.now);
      return [];
    case 'frames':
      return channel.framesToSend(call.now);
    case 'send':
      channel.send(call.payloadType!, fromBase64(call.payload!));
      return [];
    case 'acknowledge':
      channel.acknowledge(call.number!, call.now);
      return [];
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const frames = perform(JSON.parse(line) as Call);
  const timer = channel.nextTimer();
  const answer = {
    frames: frames.map(toBase64),
    events: channel
      .events()
      .map((event) => (event.type === 'OutputReceived' ? { ...event, payload: toBase64(event.payload) } : event)),
    timer: timer === Infinity ? null : timer,
    capacity: channel.capacity(),
    allAcknowledged: channel.allAcknowledged,
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
