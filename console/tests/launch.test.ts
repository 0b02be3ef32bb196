import { beforeEach, expect, it } from 'vitest';
import { terminals, type Launch } from '../src/lib/terminal/launch.svelte';

const launch: Launch = { nodeId: 'mi-1', nodeName: 'web-1', document: '', parameters: {}, reason: '' };
let started: string[] = [];
let ended: string[] = [];
/** Lets the server's answers to StartSession go, in order. */
let answers: (() => void)[] = [];

beforeEach(() => {
  terminals.tabs = [];
  [started, ended, answers] = [[], [], []];
  globalThis.fetch = (async (path: string, init: RequestInit) => {
    const input = JSON.parse(init.body as string) as { SessionId: string };
    if (path.endsWith('TerminateSession')) {
      ended.push(input.SessionId);
      return new Response('{}');
    }
    const SessionId = `session-${started.push('') - 1}`;
    started[started.length - 1] = SessionId;
    await new Promise<void>((resolve) => answers.push(resolve));
    return new Response(JSON.stringify({ SessionId, StreamUrl: 'wss://x/', TokenValue: 'token' }));
  }) as typeof fetch;
});

async function opened(): Promise<(typeof terminals.tabs)[number]> {
  const opening = terminals.open(launch);
  answers.shift()!();
  await opening;
  return terminals.tabs.at(-1)!;
}

const shown = () => terminals.tabs.flatMap((each) => each.panes).map((each) => each.grant.sessionId);
const leaked = () => started.filter((each) => !shown().includes(each) && !ended.includes(each));

it('a session that is not wanted any longer once it has started is ended', async () => {
  let isWanted = true;
  const opening = terminals.open(launch, () => isWanted);
  isWanted = false;
  answers.shift()!();
  expect(await opening).toBe(false);
  expect(ended).toEqual(['session-0']);
  expect(terminals.tabs).toEqual([]);
});

it('“Start again” pressed twice leaves one session', async () => {
  const tab = await opened();
  tab.panes[0]!.state = 'ended';
  ended.push('session-0');
  const pane = tab.panes[0]!;
  const both = [terminals.again(tab, pane), terminals.again(tab, pane)];
  answers.forEach((each) => each());
  await Promise.all(both);
  expect(shown()).toHaveLength(1);
  expect(leaked()).toEqual([]);
});

it.each(['split', 'again'] as const)('a tab that is closed during “%s” leaves no session', async (what) => {
  const tab = await opened();
  const pane = tab.panes[0]!;
  const starting = what === 'split' ? terminals.split(tab, true) : terminals.again(tab, pane);
  await terminals.close(tab, pane);
  answers.shift()!();
  await starting;
  expect(shown()).toEqual([]);
  expect(leaked()).toEqual([]);
});

it('closing a pane twice leaves other tabs open', async () => {
  const first = await opened();
  await opened();
  const pane = first.panes[0]!;
  await Promise.all([terminals.close(first, pane), terminals.close(first, pane)]);
  expect(shown()).toEqual(['session-1']);
  expect(ended).toEqual(['session-0']);
});
