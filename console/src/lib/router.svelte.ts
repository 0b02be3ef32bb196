/** The page that the address names. Screens keep what they show (filters, tabs, seconds) in its query. */

import { CONSOLE_PATH } from './paths';

class Router {
  /** The parts of the path below the console's, decoded: `['nodes', 'mi-0…']`. */
  parts = $state<string[]>([]);
  query = $state<URLSearchParams>(new URLSearchParams());
  /** Asked before leaving a page; false stays. */
  guard: (() => boolean) | null = null;

  constructor() {
    this.read();
    window.addEventListener('popstate', () => this.read());
    document.addEventListener('click', (event) => this.follow(event));
  }

  get screen(): string {
    return this.parts[0] ?? '';
  }

  go(address: string, replace = false): void {
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    this.read();
  }

  /** Sets members of the query without a step in the history; an empty value removes one. */
  set(members: Record<string, string | undefined>): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(members)) {
      if (value === undefined || value === '') query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    this.go(`${location.pathname}${text === '' ? '' : `?${text}`}`, true);
  }

  private read(): void {
    const below = location.pathname.startsWith(CONSOLE_PATH) ? location.pathname.slice(CONSOLE_PATH.length) : '';
    this.parts = below.split('/').filter(Boolean).map(decoded);
    this.query = new URLSearchParams(location.search);
  }

  /** Follows links to the console's own pages without loading it again. */
  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download')) return;
    const address = new URL(link.href, location.href);
    const ours = address.origin === location.origin && address.pathname.startsWith(CONSOLE_PATH);
    if (!ours || address.pathname.startsWith(`${CONSOLE_PATH}api/`)) return;
    event.preventDefault();
    this.go(address.pathname + address.search);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const router = new Router();
