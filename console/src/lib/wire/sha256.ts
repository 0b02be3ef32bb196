/** SHA-256 without waiting: the browser's own is asynchronous, and engines do not wait (FIPS 180-4). */

const K = new Uint32Array(64);
const INITIAL = new Uint32Array(8);

/** Fills the constants: the first 32 bits of the fractional parts of cube and square roots of primes. */
(function constants(): void {
  const fraction = (value: number) => ((value - Math.floor(value)) * 0x1_0000_0000) >>> 0;
  let found = 0;
  for (let candidate = 2; found < 64; candidate++) {
    let prime = true;
    for (let factor = 2; factor * factor <= candidate; factor++) {
      if (candidate % factor === 0) prime = false;
    }
    if (!prime) continue;
    if (found < 8) INITIAL[found] = fraction(Math.sqrt(candidate));
    K[found++] = fraction(Math.cbrt(candidate));
  }
})();

const BLOCK = 64;
const LENGTH_FIELD = 8;

/** The SHA-256 of data that comes in pieces. */
export class Sha256 {
  private readonly state = INITIAL.slice();
  private readonly words = new Uint32Array(64);
  private readonly block = new Uint8Array(BLOCK);
  private filled = 0;
  private length = 0;

  update(data: Uint8Array): this {
    this.length += data.length;
    let at = 0;
    if (this.filled > 0) {
      at = Math.min(BLOCK - this.filled, data.length);
      this.block.set(data.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < BLOCK) return this;
      compress(this.state, this.words, this.block, 0);
      this.filled = 0;
    }
    for (; at + BLOCK <= data.length; at += BLOCK) compress(this.state, this.words, data, at);
    this.block.set(data.subarray(at));
    this.filled = data.length - at;
    return this;
  }

  /** Returns the 32 bytes; nothing may be added afterwards. */
  digest(): Uint8Array {
    const tail = new Uint8Array(this.filled + 1 + LENGTH_FIELD > BLOCK ? 2 * BLOCK : BLOCK);
    tail.set(this.block.subarray(0, this.filled));
    tail[this.filled] = 0x80;
    const bits = new DataView(tail.buffer);
    bits.setUint32(tail.length - 8, Math.floor(this.length / 0x2000_0000));
    bits.setUint32(tail.length - 4, (this.length << 3) >>> 0);
    for (let at = 0; at < tail.length; at += BLOCK) compress(this.state, this.words, tail, at);
    const digest = new Uint8Array(32);
    const view = new DataView(digest.buffer);
    this.state.forEach((word, index) => view.setUint32(index * 4, word));
    return digest;
  }

  /** Returns `digest` in hexadecimal. */
  hex(): string {
    return Array.from(this.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

/** Returns the 32 bytes of the SHA-256 of `data`. */
export function sha256(data: Uint8Array): Uint8Array {
  return new Sha256().update(data).digest();
}

function compress(state: Uint32Array, w: Uint32Array, data: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const j = at + i * 4;
    w[i] = (data[j]! << 24) | (data[j + 1]! << 16) | (data[j + 2]! << 8) | data[j + 3]!;
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] = (state[index]! + word) | 0;
  });
}
