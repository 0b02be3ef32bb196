/**
 * Copies one file to or from a node, by commands that every node has, verified by SHA-256.
 *
 * Names go to the node as arguments of fixed scripts, so nothing in them can become shell syntax. The reason of each
 * session says what is copied, in the form that the server records as a file.
 */

import { Sha256 } from '../wire/sha256';
import { run } from './command';

/** Without a file to write to, a browser holds a whole download; larger files are then for `ferryman cp`. */
export const LARGEST_DOWNLOAD = 512 << 20;
const LONGEST_NAME = 60;
const DIFFERENT = 65;

/** Puts the input beside the destination, under a name of its own and for its owner only, then in its place. */
const RECEIVE = `umask 077
d=$1; if [ -d "$d" ]; then d="\${d%/}/$2"; fi
if [ -d "$d" ]; then echo "$d is a folder" >&2; exit 1; fi
t=$(mktemp "$d.XXXXXXXX") || exit 1
trap 'rm -f "$t"' EXIT
cat > "$t" || exit 1
n=$(wc -c < "$t"); if [ $((n)) != "$3" ]; then exit ${DIFFERENT}; fi
chmod 644 "$t" && mv -f "$t" "$d" && sha256sum < "$d"
`;
const LOOK = `if [ ! -f "$1" ]; then echo "$1 is not a file" >&2; exit 1; fi
n=$(wc -c < "$1") && s=$(head -c $((n)) "$1" | sha256sum) || exit 1
printf '%s %s' "$((n))" "\${s%% *}"
`;

export interface Progress {
  (done: number, total: number): void;
}

const script = (text: string, ...parameters: string[]) => ['sh', '-c', text, 'sh', ...parameters];
const argument = (path: string) => {
  const below = path.replace(/^~\//, '') || '.';
  return below === '~' ? '.' : below.startsWith('-') ? `./${below}` : below;
};
const named = (name: string) => {
  const line = name.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return line.length > LONGEST_NAME ? `…${line.slice(1 - LONGEST_NAME)}` : line;
};

/** Copies `file` to `destination` on the node: a path, or a folder, that without a slash in front is below its home. */
export async function upload(
  nodeId: string,
  file: File,
  destination: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const digest = new Sha256();
  let output = '';
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let sent = 0;
    const reader = file.stream().getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      digest.update(read.value);
      yield read.value;
      sent += read.value.length;
      progress(sent, file.size);
    }
  }
  const to = argument(destination === '' ? '.' : destination);
  const { exitCode, complaint } = await run({
    nodeId,
    arguments: script(RECEIVE, to, file.name, String(file.size)),
    reason: `ferryman cp: upload of ${named(file.name)} to ${named(to)}, ${file.size} bytes`,
    input: pieces(),
    onOutput: (data) => (output = (output + new TextDecoder().decode(data)).slice(0, 200)),
    signal,
  });
  if (exitCode === DIFFERENT) throw new Error('The copy is not complete. Copy it again.');
  if (exitCode !== 0) throw new Error(complaint || `The node ended the copy with exit code ${exitCode}.`);
  if (!output.startsWith(digest.hex()))
    throw new Error('The copy differs from the file: it changed meanwhile, or the copy is damaged.');
}

/** Where a download goes: a file that the person chose, or the browser's memory. Nothing is there before `finish`. */
export interface Sink {
  /** Bytes, at most. */
  readonly largest: number;
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
  finish(): Promise<void>;
  abort(): Promise<void>;
}

/** Collects a download, and gives the whole of it to `save`. */
export function memory(save: (content: Blob) => void): Sink {
  const parts: BlobPart[] = [];
  return {
    largest: LARGEST_DOWNLOAD,
    write: async (data) => void parts.push(data),
    finish: async () => save(new Blob(parts, { type: 'application/octet-stream' })),
    abort: async () => void parts.splice(0),
  };
}

/** What may wait for the disk; beyond it the node waits. */
const WAITING_BYTES = 8 << 20;

/** Writes a download to a file, which the browser puts in its place when it is whole. */
export function disk(file: FileSystemWritableFileStream): Sink {
  let waiting: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  let failure: unknown = null;
  let writing: Promise<void> = Promise.resolve();

  /** Writes whatever waits with one call, since each call takes as long as many kilobytes. */
  async function flush(): Promise<void> {
    const taken = new Blob(waiting.splice(0));
    bytes = 0;
    try {
      if (failure === null) await file.write(taken);
    } catch (error) {
      failure = error;
    }
  }

  async function settle(): Promise<void> {
    await writing;
    if (failure !== null) throw failure;
  }

  return {
    largest: Infinity,
    async write(data) {
      if (waiting.push(data) === 1) writing = writing.then(flush);
      bytes += data.length;
      if (bytes > WAITING_BYTES || failure !== null) await settle();
    },
    async finish() {
      await settle();
      await file.close();
    },
    async abort() {
      waiting = [];
      await file.abort();
    },
  };
}

/** Copies the node's file to `sink`; verifies it before that is finished, and aborts it otherwise. */
export async function download(
  nodeId: string,
  path: string,
  sink: Sink,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  try {
    await fetchInto(sink, nodeId, path, progress, signal);
  } catch (error) {
    await sink.abort().catch(() => undefined); // why the copy failed matters more
    throw error;
  }
  await sink.finish();
}

async function fetchInto(
  sink: Sink,
  nodeId: string,
  path: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const from = argument(path);
  let look = '';
  const looked = await run({
    nodeId,
    arguments: script(LOOK, from),
    reason: `ferryman cp: download of ${named(from)}`,
    onOutput: (data) => (look = (look + new TextDecoder().decode(data)).slice(0, 200)),
    signal,
  });
  const found = /^(\d{1,15}) ([0-9a-f]{64})$/.exec(look.trim());
  if (looked.exitCode !== 0 || found === null)
    throw new Error(looked.complaint || 'The node did not say what the file is.');
  const size = Number(found[1]);
  if (size > sink.largest)
    throw new Error(
      `The file is larger than ${sink.largest >> 20} MiB, which this browser cannot save. Use ferryman cp.`,
    );

  const digest = new Sha256();
  let received = 0;
  const fetched = await run({
    nodeId,
    arguments: script('head -c "$2" "$1"', from, String(size)),
    reason: `ferryman cp: download of ${named(from)}, ${size} bytes, SHA-256 ${found[2]}`,
    onOutput: async (data) => {
      received += data.length;
      if (received > size) throw new Error('The node sent more than the file has.');
      digest.update(data);
      await sink.write(data.slice());
      progress(received, size);
    },
    signal,
  });
  if (fetched.exitCode !== 0)
    throw new Error(fetched.complaint || `The node ended the copy with exit code ${fetched.exitCode}.`);
  if (digest.hex() !== found[2])
    throw new Error('The copy differs from the file: it changed meanwhile, or the copy is damaged.');
}
