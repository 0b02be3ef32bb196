/**
 * The engine as a program, for tests/property/channel: a line of JSON on stdin is one call, a line on stdout is its answer.
 * Every answer has what a driver may ask afterwards, so that one exchange is enough for one step.
 */

import { createInterface } from 'node:readline';
import { ClientChannel } from '../../src/lib/channel/clientChannel';
import type { ChannelEvent } from '../../src/lib/channel/events';
import type { Window } from '../../src/lib/channel/streams/window';
import { SessionCipher } from '../../src/lib/terminal/sessionCipher';

interface Call {
  call: 'new' | 'connectionMade' | 'connectionLost' | 'receive' | 'frames' | 'send' | 'acknowledge' | 'useDataKey';
  now: number;
  window?: Window;
  frame?: string;
  payloadType?: number;
  payload?: string;
  number?: number;
  dataKey?: string;
  ciphertext?: string;
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
let cipher: SessionCipher | null = null;

/** Returns what has happened, after sealing and opening whatever was asked for on the way. */
async function events(now: number): Promise<ChannelEvent[]> {
  const happened: ChannelEvent[] = [];
  for (let next = channel.events(); next.length > 0; next = channel.events()) {
    for (const event of next) {
      if (event.type === 'SealingRequested') channel.sealed(await cipher!.seal(event.nonce, event.plaintext));
      else if (event.type === 'OpeningRequested') channel.opened(await cipher!.open(event.sealed), now);
      else happened.push(event);
    }
  }
  return happened;
}

async function perform(call: Call): Promise<Uint8Array[]> {
  switch (call.call) {
    case 'new':
      channel = newChannel(call.window);
      cipher = null;
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
    case 'useDataKey':
      cipher = await SessionCipher.of(fromBase64(call.dataKey!));
      channel.useDataKey(call.ciphertext!);
      return [];
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line) as Call;
  const frames = await perform(call);
  const happened = await events(call.now);
  const timer = channel.nextTimer();
  const answer = {
    frames: frames.map(toBase64),
    events: happened.map((event) =>
      event.type === 'OutputReceived' ? { ...event, payload: toBase64(event.payload) } : event,
    ),
    timer: timer === Infinity ? null : timer,
    capacity: channel.capacity(),
    allAcknowledged: channel.allAcknowledged,
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
