/** Runs one command on a node, in a session of its own: input, output, standard error and exit code. */

import { call } from '../api/call';
import { explained } from '../api/errors';
import { SessionConnection, type Grant } from '../terminal/connection';
import { encryptedEnding } from '../terminal/endings';
import { Flag, PayloadType } from '../wire/agentMessage';
import { encodeFlag } from '../wire/payloads';

const COMPLAINT_BYTES = 4096;
const STOPPED = 'The copy was stopped.';

export interface Command {
  nodeId: string;
  arguments: string[];
  reason: string;
  /** What it reads; it needs Ferryman's agent to have an end. */
  input?: AsyncIterable<Uint8Array>;
  /** Takes output; while what it returns waits, the node sends no more than a window of further output. */
  onOutput(data: Uint8Array): unknown;
  signal: AbortSignal;
}

export interface Result {
  exitCode: number;
  /** The beginning of its standard error. */
  complaint: string;
}

const text = (bytes: number[]) => new TextDecoder().decode(Uint8Array.from(bytes)).trim();

/** Returns `text` as one word of a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** Runs a command to its end. Throws ApiError if it may not, Error if the session fails or `signal` aborts. */
export async function run(command: Command): Promise<Result> {
  if (command.signal.aborted) throw new Error(STOPPED);
  const answer = await call('ssm/StartSession', {
    Target: command.nodeId,
    DocumentName: 'AWS-StartNonInteractiveCommand',
    Parameters: { command: [command.arguments.map(quoted).join(' ')], separateOutputStream: ['true'] },
    Reason: command.reason,
  });
  const grant = {
    sessionId: answer.SessionId!,
    target: command.nodeId,
    streamUrl: answer.StreamUrl!,
    token: answer.TokenValue!,
  };
  if (command.signal.aborted) {
    end(grant);
    throw new Error(STOPPED);
  }
  const finished = new AbortController();
  return new Promise<Result>((resolve, reject) => {
    const complaint: number[] = [];
    let exitCode: number | null = null;
    let taken: Promise<unknown> = Promise.resolve();
    const waiting: (() => void)[] = [];
    const fail = (reason: string) => {
      connection.close();
      end(grant);
      reject(new Error(reason));
    };
    const connection = new SessionConnection(
      grant,
      '',
      (event) => {
        switch (event.type) {
          case 'SessionStarted':
            if (command.input === undefined) break;
            if (event.agreed.Stdin === true) feed(command.input).catch((error: unknown) => fail(explained(error)));
            else fail("The node's agent takes no files from the console. Use scp, or install Ferryman's agent.");
            break;
          case 'OutputReceived':
            taken = Promise.all([taken, take(event.payloadType, event.payload)]).then(
              () => connection.acknowledge(event.sequenceNumber),
              (error: unknown) => fail(explained(error)),
            );
            break;
          case 'SessionEnded':
            if (exitCode === null) reject(new Error(event.output || 'The session ended before the copy was complete.'));
            else void taken.then(() => resolve({ exitCode: exitCode!, complaint: text(complaint) }));
            break;
          case 'EncryptionFailed':
            fail(encryptedEnding(event.reason, 'ferryman cp'));
            break;
          case 'ClientNotAccepted':
            fail(event.reason);
            break;
          case 'ConnectionFailed':
            reject(new Error(event.reason));
        }
      },
      () => waiting.splice(0).forEach((resume) => resume()),
    );

    async function take(payloadType: number, payload: Uint8Array): Promise<void> {
      if (payloadType === PayloadType.OUTPUT) await command.onOutput(payload);
      else if (payloadType === PayloadType.EXIT_CODE) {
        exitCode = Number(/(-?\d+)/.exec(new TextDecoder().decode(payload.subarray(0, 64)))?.[1] ?? -1);
      } else if (payloadType === PayloadType.STD_ERR) {
        complaint.push(...payload.subarray(0, COMPLAINT_BYTES - complaint.length));
      }
    }

    async function feed(input: AsyncIterable<Uint8Array>): Promise<void> {
      for await (let piece of input) {
        while (piece.length > 0) {
          const room = connection.channel.capacity();
          if (connection.channel.ended || command.signal.aborted) return;
          if (room > 0) {
            connection.send(PayloadType.OUTPUT, piece.subarray(0, room));
            piece = piece.subarray(room);
          } else {
            await new Promise<void>((resume) => waiting.push(resume));
          }
        }
      }
      connection.send(PayloadType.FLAG, encodeFlag(Flag.INPUT_ENDED));
    }

    command.signal.addEventListener('abort', () => fail(STOPPED), { signal: finished.signal });
    void connection.run();
  }).finally(() => finished.abort());
}

function end(grant: Grant): void {
  void call('ssm/TerminateSession', { SessionId: grant.sessionId }).catch(() => undefined);
}
