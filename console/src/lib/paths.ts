/** Where the console is: its path is the server's setting, so it is read from where this file was loaded. */

const UP = '..';

/** The console's path, with a slash at its end. */
export const CONSOLE_PATH = import.meta.env.DEV ? '/' : new URL(UP, import.meta.url).pathname;
export const API_PATH = `${CONSOLE_PATH}api/`;

/** Returns the address of one of the console's pages; `page` has no slash in front. */
export function href(page: string, query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(name, value);
  }
  const text = search.toString();
  return `${CONSOLE_PATH}${page}${text === '' ? '' : `?${text}`}`;
}
