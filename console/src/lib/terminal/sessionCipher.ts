/** Seals and opens the payloads of an encrypted session: AES-256-GCM, the nonce in front (client.md, section 9). */

import { NONCE_BYTES } from '../channel/encryption';

const DATA_KEY_BYTES = 64;

/** The halves of a data key. Scripts cannot read them any more. */
export class SessionCipher {
  private constructor(
    private readonly seals: CryptoKey,
    private readonly opens: CryptoKey,
  ) {}

  /** Takes a data key of 64 bytes: the node seals with its first half, this end with its second. Throws RangeError. */
  static async of(dataKey: Uint8Array<ArrayBuffer>): Promise<SessionCipher> {
    if (dataKey.length !== DATA_KEY_BYTES) {
      throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes, this one has ${dataKey.length}`);
    }
    const half = DATA_KEY_BYTES / 2;
    const imported = (bytes: Uint8Array<ArrayBuffer>, use: KeyUsage) =>
      crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, [use]);
    return new SessionCipher(
      await imported(dataKey.subarray(half), 'encrypt'),
      await imported(dataKey.subarray(0, half), 'decrypt'),
    );
  }

  /** Returns `nonce`, the ciphertext and the tag. */
  async seal(nonce: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
    const parameters = { name: 'AES-GCM', iv: nonce as Uint8Array<ArrayBuffer> };
    const ciphertext = await crypto.subtle.encrypt(parameters, this.seals, plaintext as Uint8Array<ArrayBuffer>);
    const sealed = new Uint8Array(NONCE_BYTES + ciphertext.byteLength);
    sealed.set(nonce);
    sealed.set(new Uint8Array(ciphertext), NONCE_BYTES);
    return sealed;
  }

  /** Returns what the node sealed; null for anything else. */
  async open(sealed: Uint8Array): Promise<Uint8Array | null> {
    const parameters = { name: 'AES-GCM', iv: sealed.slice(0, NONCE_BYTES) };
    try {
      return new Uint8Array(await crypto.subtle.decrypt(parameters, this.opens, sealed.slice(NONCE_BYTES)));
    } catch {
      return null; // WebCrypto gives no reason
    }
  }
}
