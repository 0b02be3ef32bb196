import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PagedList, Resource } from '../src/lib/resource.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settled = () => vi.advanceTimersByTimeAsync(0);

/** A resource whose answers come when the test says so. */
function slow(): { resource: Resource<string>; answers: ((value: string) => void)[] } {
  const answers: ((value: string) => void)[] = [];
  return { resource: new Resource(() => new Promise<string>((resolve) => answers.push(resolve))), answers };
}

describe('something that changes faster than the server answers', () => {
  it('is shown, and then loaded once more', async () => {
    const { resource, answers } = slow();
    void resource.load();
    for (let change = 0; change < 5; change += 1) void resource.refresh();
    await settled();
    expect(answers).toHaveLength(1);
    answers[0]!('first');
    await settled();
    expect(resource.value).toBe('first');
    expect(answers).toHaveLength(2);
    void resource.refresh();
    await settled();
    answers[1]!('second');
    await settled();
    expect(resource.value).toBe('second');
    expect(answers).toHaveLength(3);
  });

  it('is not waited for for ever: the connection may be lost', async () => {
    const { resource, answers } = slow();
    void resource.load();
    void resource.refresh();
    await vi.advanceTimersByTimeAsync(16_000);
    answers[1]!('of the new connection');
    answers[0]!('of the lost one');
    await settled();
    expect(resource.value).toBe('of the new connection');
  });
});

/** A list of the rows of a filter, whose answers come when the test says so. */
function slowList() {
  const state = {
    filter: 'any',
    rows: { any: ['a', 'b', 'c', 'd'], online: ['a', 'b', 'c'], offline: ['c', 'd', 'e'] } as Record<string, string[]>,
  };
  const answers: (() => void)[] = [];
  const list = new PagedList<string>(String, async (next) => {
    const all = state.rows[state.filter]!;
    await new Promise<void>((resolve) => answers.push(resolve));
    const from = next === undefined ? 0 : Number(next);
    return { items: all.slice(from, from + 2), next: from + 2 < all.length ? String(from + 2) : undefined };
  });
  async function answerAll(): Promise<void> {
    for (let round = 0; round < 5; round += 1) {
      answers.splice(0).forEach((each) => each());
      await settled();
    }
  }
  return { list, state, answerAll };
}

describe('a list that changes while it is loaded', () => {
  it.each([
    ['the first page', 0, 'online'],
    ['a later page', 1, 'offline'],
  ])('of another filter has no rows of the one before: %s', async (_what, page, filter) => {
    const { list, state, answerAll } = slowList();
    void list.reload();
    await answerAll();
    void list.more();
    await answerAll();
    expect(list.items).toEqual(['a', 'b', 'c', 'd']);
    list.shown = new Set([list.pages[page]!.id]);

    state.filter = filter;
    void list.reload();
    void list.refresh();
    list.shown = null;
    await answerAll();
    while (list.next !== undefined) {
      void list.more();
      await answerAll();
    }
    expect(list.items).toEqual(state.rows[filter]);
  });

  it('is loaded again for the change, and not only for what was asked before', async () => {
    const { list, state, answerAll } = slowList();
    void list.reload();
    await settled();
    state.rows['any'] = ['new'];
    void list.refresh();
    await answerAll();
    expect(list.items).toEqual(['new']);
  });
});
