/** Calls of the server: its API operations by the browser's cookie, and the console's own few. */

import { API_PATH } from '../paths';
import { ApiError } from './errors';
import type { Operations } from './generated';

export type Operation = keyof Operations;
export type Input<K extends Operation> = Operations[K]['input'];
export type Output<K extends Operation> = Operations[K]['output'];

/** Called when the server no longer knows the cookie; set by `session`. */
export const onSignedOut: { current: () => void } = { current: () => undefined };

/** How often somebody has signed in here: a call from before that had another cookie. Counted by `session`. */
export const signIns = { count: 0 };

/** Seconds to wait before a call that was refused for its rate is made again. */
const PATIENCE = [0.6, 1.2, 2.4];

/**
 * Performs an API operation. Throws ApiError, also if the server cannot be reached (code Unreachable).
 *
 * A screen makes several calls; those that come too fast for a limit are made again.
 */
export async function call<K extends Operation>(
  operation: K,
  input: Input<K>,
  signal?: AbortSignal,
): Promise<Output<K>> {
  for (const seconds of PATIENCE) {
    try {
      return (await request('POST', operation, input, signal)) as Output<K>;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'ThrottlingException' || signal?.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
  return (await request('POST', operation, input, signal)) as Output<K>;
}

let unasked = false;
const unaskedSignals = new WeakSet<AbortSignal>();

/** Returns what cancels the calls of one load. If the load was begun `inBackground`, so are all calls with its signal. */
export function newLoad(): AbortController {
  const load = new AbortController();
  if (unasked) unaskedSignals.add(load.signal);
  return load;
}

/** Runs `action`; the calls and loads that it begins are not the person's doing, so they keep no session from idling out. */
export function inBackground<T>(action: () => T): T {
  unasked = true;
  try {
    return action();
  } finally {
    unasked = false;
  }
}

/** Performs one of the console's own calls; null for an answer without content. */
export async function request(
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const { count } = signIns;
  let response: Response;
  try {
    response = await fetch(API_PATH + path, {
      method,
      signal: signal ?? null,
      credentials: 'same-origin',
      headers: {
        ...(method === 'POST' ? { 'Content-Type': 'application/json', 'X-Ferryman-Console': '1' } : {}),
        ...(unasked || (signal !== undefined && unaskedSignals.has(signal)) ? { 'X-Ferryman-Background': '1' } : {}),
      },
      body: method === 'POST' ? JSON.stringify(body ?? {}) : null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.status === 204) return null;
  const answer = await content(response).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    if (response.ok) throw unreachable(); // the answer ended in its middle
    return null;
  });
  if (response.ok) return answer;
  const members = (answer ?? {}) as Record<string, unknown>;
  const code = String(members['__type'] ?? response.status)
    .split('#')
    .at(-1)!;
  const message = members['message'] ?? members['Message'] ?? `The server answered with status ${response.status}.`;
  if (code === 'NotSignedIn') {
    if (signIns.count !== count) return request(method, path, body, signal);
    onSignedOut.current();
  }
  throw new ApiError(code, String(message), response.status);
}

async function content(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === '' ? null : JSON.parse(text);
}

function unreachable(): ApiError {
  return new ApiError('Unreachable', 'The server does not answer. Check your network; the page retries by itself.', 0);
}
