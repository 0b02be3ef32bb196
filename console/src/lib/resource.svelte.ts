/** Something a screen shows that comes from the server: loading, then a value or an error; a later load replaces it. */

import { newLoad } from './api/call';
import { ApiError } from './api/errors';

/** A load that takes longer is given up for one that was asked for later: its connection may be lost. */
const LONGEST_SECONDS = 15;

/** Lets what has changed be loaded after what is being loaded: changes may come faster than answers. */
class Refreshes {
  private next: Promise<void> | null = null;
  private running: Promise<void> = Promise.resolve();

  /** Keeps account of a load. */
  note(load: Promise<void>): Promise<void> {
    this.running = load;
    return load;
  }

  /** Runs `load` when nothing else is being loaded; once, if it was asked for more often until then. */
  afterwards(isLoading: () => boolean, load: (own: AbortController) => Promise<void>): Promise<void> {
    const own = newLoad();
    this.next ??= this.idle(isLoading).then(() => {
      this.next = null;
      return load(own);
    });
    return this.next;
  }

  private async idle(isLoading: () => boolean): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<'too long'>((resolve) => {
      timer = setTimeout(() => resolve('too long'), LONGEST_SECONDS * 1000);
    });
    while (isLoading() && (await Promise.race([this.running, tooLong])) !== 'too long');
    clearTimeout(timer);
  }
}

export class Resource<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<unknown>(null);
  loading = $state(false);
  private current: AbortController | null = null;
  private readonly refreshes = new Refreshes();

  constructor(private readonly fetcher: (signal: AbortSignal) => Promise<T>) {}

  /** Loads it, again if need be; what is there stays until the new value is. */
  load(): Promise<void> {
    return this.refreshes.note(this.run(newLoad()));
  }

  /** Loads it again after something has changed. What is being loaded now is shown first: it may be older. */
  refresh(): Promise<void> {
    return this.refreshes.afterwards(
      () => this.loading,
      (own) => this.refreshes.note(this.run(own)),
    );
  }

  private async run(own: AbortController): Promise<void> {
    this.current?.abort();
    this.current = own;
    this.loading = true;
    try {
      const value = await this.fetcher(own.signal);
      if (own.signal.aborted) return;
      this.value = value;
      this.error = null;
    } catch (error) {
      if (own.signal.aborted) return;
      this.error = error;
    }
    this.loading = false;
  }
}

/** How many rows a page has. The first has no more than a screen shows, so that it is there soon. */
export const pageSize = (next: string | undefined) => (next === undefined ? 25 : 50);

export interface Page<T> {
  items: T[];
  next: string | undefined;
}

/** A page that has been loaded. */
export interface LoadedPage<T> extends Page<T> {
  /** Of this page as long as the list has it, also when its rows are loaded again. */
  id: number;
  /** The token that it was asked for with. */
  from: string | undefined;
}

/** A list that comes in pages, in an order that does not change: new rows appear between others, or at an end. */
export class PagedList<T> {
  pages = $state.raw<LoadedPage<T>[]>([]);
  items = $derived(this.pages.flatMap((each) => each.items));
  error = $state.raw<unknown>(null);
  loading = $state(false);
  /** Whether a first answer has come. */
  loaded = $state(false);
  next = $derived(this.pages.at(-1)?.next);
  /** The pages that are in view, by id, if whoever shows the list keeps count of them. */
  shown: Set<number> | null = null;
  /** The pages that were loaded before something has changed, by id. */
  private readonly stale = new Set<number>();
  /** Whether something has changed, and no page is known to be stale for it yet. */
  private hasChanged = false;
  private current: AbortController | null = null;
  private readonly refreshes = new Refreshes();
  private newest = 0;

  constructor(
    readonly key: (item: T) => string,
    private readonly fetcher: (next: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
  ) {}

  /** Loads the first page in place of all, for instance after a filter has changed. */
  async reload(): Promise<void> {
    await this.run(newLoad(), async (signal) => [await this.fetch(undefined, signal)]);
  }

  async more(): Promise<void> {
    if (this.next === undefined || this.loading) return;
    const { pages, next } = this;
    await this.run(newLoad(), async (signal) => [...pages, await this.fetch(next, signal)]);
  }

  /** Loads again what is in view, after something has changed; other pages when they come into view. */
  refresh(): Promise<void> {
    this.hasChanged = true;
    return this.fetchStaleAfterwards();
  }

  /** Loads pages that are in view again if something has changed since. */
  refreshShown(): Promise<void> {
    return this.stale.size === 0 ? Promise.resolve() : this.fetchStaleAfterwards();
  }

  private fetchStaleAfterwards(): Promise<void> {
    return this.refreshes.afterwards(
      () => this.loading,
      (own) => this.fetchStale(own),
    );
  }

  private async fetchStale(own: AbortController): Promise<void> {
    if (this.hasChanged) this.pages.forEach((each) => this.stale.add(each.id));
    if (this.hasChanged && this.pages.length === 0) {
      this.hasChanged = false;
      await this.run(own, async (signal) => [await this.fetch(undefined, signal)]);
      return;
    }
    this.hasChanged = false;
    const { pages, shown } = this;
    const isShown = (page: LoadedPage<T>) => shown === null || shown.has(page.id) || page.items.length === 0;
    const wanted = pages.map((each) => this.stale.has(each.id) && isShown(each));
    const first = wanted.indexOf(true);
    if (first < 0) return;
    await this.run(own, (signal) => this.fetchAgain(pages, first, wanted.lastIndexOf(true), signal));
  }

  /** Returns the pages, from the first to the last of some fetched anew. Later ones stay if they still follow. */
  private async fetchAgain(
    pages: LoadedPage<T>[],
    first: number,
    last: number,
    signal: AbortSignal,
  ): Promise<LoadedPage<T>[]> {
    const fresh: LoadedPage<T>[] = [];
    let from = pages[first]!.from;
    for (let index = first; index <= last; index += 1) {
      const page = await this.fetch(from, signal, pages[index]!.id);
      fresh.push(page);
      from = page.next;
      if (from === undefined) break;
    }
    const [following, ...others] = pages.slice(last + 1);
    const ends = (page: LoadedPage<T> | undefined) => page?.items.length && this.key(page.items.at(-1)!);
    const follows = following !== undefined && from !== undefined && ends(fresh.at(-1)) === ends(pages[last]);
    return [...pages.slice(0, first), ...fresh, ...(follows ? [{ ...following, from }, ...others] : [])];
  }

  private async fetch(from: string | undefined, signal: AbortSignal, id?: number): Promise<LoadedPage<T>> {
    const page = { ...(await this.fetcher(from, signal)), from, id: id ?? (this.newest += 1) };
    this.stale.delete(page.id);
    return page;
  }

  private run(own: AbortController, load: (signal: AbortSignal) => Promise<LoadedPage<T>[]>): Promise<void> {
    return this.refreshes.note(this.replace(own, load));
  }

  private async replace(own: AbortController, load: (signal: AbortSignal) => Promise<LoadedPage<T>[]>): Promise<void> {
    this.current?.abort();
    this.current = own;
    this.loading = true;
    try {
      const pages = await load(own.signal).catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'InvalidNextToken') {
          return this.fetch(undefined, own.signal).then((page) => [page]);
        }
        throw error;
      });
      if (own.signal.aborted) return;
      this.pages = pages;
      this.error = null;
    } catch (error) {
      if (own.signal.aborted) return;
      this.error = error;
    }
    this.loaded = true;
    this.loading = false;
  }
}
