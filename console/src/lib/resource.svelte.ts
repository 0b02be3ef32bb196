/** Something a screen shows that comes from the server: loading, then a value or an error; a later load replaces it. */

import { ApiError } from './api/errors';

export class Resource<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<unknown>(null);
  loading = $state(false);
  private current: AbortController | null = null;

  constructor(private readonly fetcher: (signal: AbortSignal) => Promise<T>) {}

  /** Loads it, again if need be; what is there stays until the new value is. */
  async load(): Promise<void> {
    this.current?.abort();
    const own = (this.current = new AbortController());
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

export interface Page<T> {
  items: T[];
  next: string | undefined;
}

/** A list that comes in pages. `reload` keeps the rows that are shown until the new ones are there. */
export class PagedList<T> {
  items = $state.raw<T[]>([]);
  error = $state.raw<unknown>(null);
  loading = $state(false);
  /** Whether a first answer has come. */
  loaded = $state(false);
  next = $state<string | undefined>(undefined);
  private current: AbortController | null = null;

  constructor(private readonly fetcher: (next: string | undefined, signal: AbortSignal) => Promise<Page<T>>) {}

  /** Loads the first page, for instance after a filter has changed; `keep` as many rows as there are now. */
  async reload(keep = false): Promise<void> {
    const wanted = keep ? this.items.length : 0;
    await this.run(async (signal) => {
      let { items, next } = await this.fetcher(undefined, signal);
      while (next !== undefined && items.length < wanted) {
        const page = await this.fetcher(next, signal);
        items = [...items, ...page.items];
        next = page.next;
      }
      return { items, next };
    });
  }

  async more(): Promise<void> {
    if (this.next === undefined || this.loading) return;
    const { items, next } = this;
    await this.run(async (signal) => {
      try {
        const page = await this.fetcher(next, signal);
        return { items: [...items, ...page.items], next: page.next };
      } catch (error) {
        if (error instanceof ApiError && error.code === 'InvalidNextToken') return this.fetcher(undefined, signal);
        throw error;
      }
    });
  }

  private async run(load: (signal: AbortSignal) => Promise<Page<T>>): Promise<void> {
    this.current?.abort();
    const own = (this.current = new AbortController());
    this.loading = true;
    try {
      const page = await load(own.signal);
      if (own.signal.aborted) return;
      this.items = page.items;
      this.next = page.next;
      this.error = null;
    } catch (error) {
      if (own.signal.aborted) return;
      this.error = error;
    }
    this.loaded = true;
    this.loading = false;
  }
}
