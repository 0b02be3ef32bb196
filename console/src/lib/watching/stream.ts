/** The stream of a session that is watched, through lost connections, until the session ends. */

import { call } from '../api/call';
import { ApiError } from '../api/errors';
import { sameOrigin } from '../terminal/connection';
import { SUBPROTOCOL, decode, type WatchEvent } from './alis';

const RETRY_SECONDS = 1;
const OUTAGE_SECONDS = 60;
/** Close codes after which there is nothing to reconnect to. */
const FINAL = (code: number) => code >= 4000 && code < 4100;

export interface Watch {
  close(): void;
}

export interface Watching {
  event(event: WatchEvent): void;
  lost(): void;
  /** It cannot be watched, or no longer. */
  failed(reason: string): void;
}

/** Begins to watch. The person may be told of it: `announced` says so. */
export function watch(sessionId: string, handler: Watching, announced: (announced: boolean) => void): Watch {
  let socket: WebSocket | null = null;
  let closed = false;
  let outageSince = Infinity;

  const retry = () => {
    outageSince = Math.min(outageSince, Date.now());
    if (Date.now() - outageSince > OUTAGE_SECONDS * 1000)
      handler.failed('The connection was lost, and could not be restored.');
    else setTimeout(() => void open(), RETRY_SECONDS * 1000);
  };

  async function open(): Promise<void> {
    if (closed) return;
    try {
      const grant = await call('ferryman/WatchSession', { SessionId: sessionId });
      if (closed) return;
      announced(grant.Announced === true);
      const address = new URL(sameOrigin(grant.StreamUrl!));
      address.searchParams.set('token', grant.TokenValue!);
      connect(address.href);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 0 || error.status >= 500) retry();
      else handler.failed(error.message);
    }
  }

  function connect(address: string): void {
    const own = (socket = new WebSocket(address, SUBPROTOCOL));
    own.binaryType = 'arraybuffer';
    own.onmessage = (message: MessageEvent<unknown>) => {
      if (!(message.data instanceof ArrayBuffer)) return;
      outageSince = Infinity;
      const event = decode(new Uint8Array(message.data));
      if (event === null) return;
      if (event.type === 'end') closed = true;
      handler.event(event);
    };
    own.onclose = ({ code, reason }) => {
      if (closed) return;
      handler.lost();
      if (FINAL(code)) handler.failed(reason || 'The server ended the stream.');
      else retry();
    };
  }

  void open();
  return {
    close: () => {
      closed = true;
      socket?.close();
    },
  };
}
