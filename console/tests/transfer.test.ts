import { expect, test } from 'vitest';
import { disk } from '../src/lib/transfer/files';

/** A file whose writes end when the test says so. */
class SlowFile {
  written: Blob[] = [];
  closed = false;
  private ends: ((error?: Error) => void)[] = [];

  write(data: Blob): Promise<void> {
    this.written.push(data);
    return new Promise((resolve, reject) =>
      this.ends.push((error) => (error === undefined ? resolve() : reject(error))),
    );
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  async abort(): Promise<void> {}

  async end(error?: Error): Promise<void> {
    await settled();
    this.ends.shift()!(error);
    await settled();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const sink = (file: SlowFile) => disk(file as unknown as FileSystemWritableFileStream);
const piece = (size: number, value: number) => new Uint8Array(size).fill(value);

test('what arrives while the disk is busy is written with one call, in order', async () => {
  const file = new SlowFile();
  const to = sink(file);
  await to.write(piece(3, 1));
  await settled();
  for (const value of [2, 3, 4]) await to.write(piece(2, value));
  const finished = to.finish();
  await file.end();
  expect(file.closed).toBe(false);
  await file.end();
  await finished;
  const bytes = [];
  for (const each of file.written) bytes.push([...new Uint8Array(await each.arrayBuffer())]);
  expect(bytes).toEqual([
    [1, 1, 1],
    [2, 2, 3, 3, 4, 4],
  ]);
  expect(file.closed).toBe(true);
});

test('a writer waits once too much waits for the disk', async () => {
  const file = new SlowFile();
  const to = sink(file);
  await to.write(piece(1, 1));
  await settled();
  let done = false;
  const written = to.write(piece((8 << 20) + 1, 2)).then(() => (done = true));
  await settled();
  expect(done).toBe(false);
  await file.end();
  await file.end();
  await written;
});

test('a full disk fails the next write and the end', async () => {
  const file = new SlowFile();
  const to = sink(file);
  await to.write(piece(1, 1));
  await file.end(new Error('full'));
  await expect(to.write(piece(1, 2))).rejects.toThrow('full');
  await expect(to.finish()).rejects.toThrow('full');
  expect(file.closed).toBe(false);
});
