import { describe, expect, it } from 'vitest';
import { call, inBackground, newLoad } from '../src/lib/api/call';
import { PagedList } from '../src/lib/resource.svelte';

const PAGE = 3;

/** A list of what `rows` holds at the time, three at a time; a token is the row before. */
function listOf(rows: number[]): { list: PagedList<number>; asked: (string | undefined)[] } {
  const asked: (string | undefined)[] = [];
  const list = new PagedList<number>(String, async (next) => {
    asked.push(next);
    const after = rows.filter((each) => next === undefined || each > Number(next));
    const items = after.slice(0, PAGE);
    return { items, next: after.length > PAGE ? String(items.at(-1)) : undefined };
  });
  return { list, asked };
}

async function loaded(rows: number[], pages: number) {
  const found = listOf(rows);
  await found.list.reload();
  for (let page = 1; page < pages; page += 1) await found.list.more();
  found.list.shown = new Set();
  found.asked.length = 0;
  return found;
}

describe('a list whose rows change', () => {
  it('loads again what is in view, and keeps what follows', async () => {
    const rows = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    const { list, asked } = await loaded(rows, 3);
    list.shown!.add(list.pages[1]!.id);
    rows.splice(4, 1, 55);
    await list.refresh();
    expect(asked).toEqual(['30']);
    expect(list.items).toEqual([10, 20, 30, 40, 55, 60, 70, 80, 90]);
  });

  it('loads other pages again when they come into view, once', async () => {
    const rows = [10, 20, 30, 40, 50, 60];
    const { list, asked } = await loaded(rows, 2);
    rows[0] = 5;
    await list.refresh();
    expect(asked).toEqual([]);
    list.shown!.add(list.pages[0]!.id);
    await list.refreshShown();
    await list.refreshShown();
    expect(asked).toEqual([undefined]);
    expect(list.items).toEqual([5, 20, 30, 40, 50, 60]);
  });

  it.each([
    ['new', [10, 15, 20, 30, 40, 50, 60, 70], [10, 15, 20, 30, 40, 50, 60, 70]],
    ['gone', [20, 30, 40, 50, 60, 70], [20, 30, 40, 50, 60, 70]],
  ])('neither doubles nor leaves out a row when one is %s', async (_what, after, expected) => {
    const rows = [10, 20, 30, 40, 50, 60, 70];
    const { list } = await loaded(rows, 3);
    list.shown!.add(list.pages[0]!.id);
    rows.splice(0, rows.length, ...after);
    await list.refresh();
    while (list.next !== undefined) await list.more();
    expect(list.items).toEqual(expected);
  });
});

it('calls of a load that was begun in the background never count as the person’s', async () => {
  const headers: unknown[] = [];
  globalThis.fetch = (async (_path: string, init: RequestInit) => {
    headers.push((init.headers as Record<string, string>)['X-Ferryman-Background']);
    return new Response('{}');
  }) as typeof fetch;
  const { signal } = inBackground(newLoad);
  await call('sts/GetCallerIdentity', {}, signal);
  await call('sts/GetCallerIdentity', {}, signal);
  await call('sts/GetCallerIdentity', {}, newLoad().signal);
  expect(headers).toEqual(['1', '1', undefined]);
});
