/**
 * The client's part in an encrypted session, without I/O (docs/reference/protocol/client.md, section 9).
 *
 * The node names a KMS key and a random challenge. The driver has KMS generate a data key and keeps it; here is what it is
 * used for, in which order, and with which nonces. Sealing and opening are asked of the driver, one of each at a time, since
 * a browser does both asynchronously.
 *
 * AWS's format does not bind a message to its place, so a relay could repeat one. Ferryman's ends count nonces up and open
 * only the next one. They recognise each other by the sealed random text of the proof, which no relay can alter.
 */

import { PayloadType } from '../wire/agentMessage';
import { MalformedPayload, decodeEncryptionChallenge, encodeEncryptionChallenge } from '../wire/payloads';
import type { KmsEncryption } from '../wire/payloads';
import type { OpeningRequested, SealingRequested } from './events';

export const NONCE_BYTES = 12;
/** A nonce before the ciphertext, and a tag behind it. */
const OVERHEAD = NONCE_BYTES + 16;
const PROOF_BYTES = 64;
/** What the random text of Ferryman's agent begins with, and what Ferryman's client puts in its place. */
const ORDERED = new TextEncoder().encode('ferryman:ordered');
const CONFIRMED = new TextEncoder().encode('ferryman:confirm');
const LONGEST_CHALLENGE = 128;

const SEALED_BY_NODE: ReadonlySet<number> = new Set([PayloadType.OUTPUT, PayloadType.STD_ERR, PayloadType.EXIT_CODE]);

/** The sealed bytes cannot be what the node sealed next. */
export class Unopenable extends Error {}

interface Waiting {
  payloadType: number;
  payload: Uint8Array;
}

export class ClientEncryption {
  /** Whether the node has shown that it has the data key. */
  proven = false;
  /** Payload bytes that wait to be numbered. */
  waitingBytes = 0;
  private usesKey = false;
  private inOrder = false;
  private nextNonce: Uint8Array;
  private expectedNonce = new Uint8Array(NONCE_BYTES);
  private readonly waiting: Waiting[] = [];
  private sealing: Uint8Array | null = null;
  private opening: Uint8Array | null = null;

  /** `add` numbers a payload as it is. Throws MalformedPayload for a challenge that is too long. */
  constructor(
    readonly asked: KmsEncryption,
    entropy: (count: number) => Uint8Array,
    private readonly request: (event: SealingRequested | OpeningRequested) => void,
    private readonly add: (payloadType: number, payload: Uint8Array) => void,
  ) {
    if ((asked.challenge ?? '').length > LONGEST_CHALLENGE) {
      throw new MalformedPayload("the node's random challenge is too long");
    }
    this.nextNonce = entropy(NONCE_BYTES).slice();
  }

  /** Whether the driver has still to open something; what follows it waits. */
  get isOpening(): boolean {
    return this.opening !== null;
  }

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** The driver has a data key, of which this is KMS's ciphertext; returns the ActionResult. */
  begin(ciphertext: string): unknown {
    this.usesKey = true;
    const { challenge } = this.asked;
    const acknowledged = challenge === null ? {} : { ChallengeAcknowledgement: true };
    return { KMSCipherTextKey: ciphertext, KMSCipherTextHash: null, ...acknowledged };
  }

  /** Sends in order, sealed if it is Output. */
  send(payloadType: number, payload: Uint8Array): void {
    this.waiting.push({ payloadType, payload });
    this.waitingBytes += payload.length;
    this.sendWaiting();
  }

  /** Takes what the last SealingRequested asked for: nonce, ciphertext and tag. */
  sealed(bytes: Uint8Array): void {
    if (this.sealing === null) return;
    this.sealing = null;
    const { payloadType, payload } = this.waiting.shift()!;
    this.waitingBytes -= payload.length;
    const isProof = payloadType === PayloadType.ENCRYPTION_CHALLENGE_RESPONSE;
    this.add(payloadType, isProof ? encodeEncryptionChallenge(bytes) : bytes);
    this.sendWaiting();
  }

  /** Has a message of the node opened, if it is sealed; returns whether it is. Throws Unopenable, MalformedPayload. */
  open(payloadType: number, payload: Uint8Array): boolean {
    if (payloadType === PayloadType.ENCRYPTION_CHALLENGE_REQUEST) {
      this.requestOpening(decodeEncryptionChallenge(payload));
      return true;
    }
    if (!SEALED_BY_NODE.has(payloadType)) return false;
    this.requestOpening(payload);
    return true;
  }

  /** Notes that the driver has opened what was asked for, or could not. Throws Unopenable. */
  opened(wasOpened: boolean): void {
    const sealed = this.opening;
    this.opening = null;
    if (sealed === null || !wasOpened) {
      throw new Unopenable('the payload was not sealed with this key, or was changed since');
    }
    this.expectedNonce = incremented(sealed.subarray(0, NONCE_BYTES));
  }

  /**
   * Answers the node's opened challenge; returns why not, empty if it does.
   *
   * Only one is answered, before anything else is sealed: otherwise a relay could have this end seal any output, and pass
   * that off as input.
   */
  answer(proof: Uint8Array): string {
    if (this.proven) return 'a second encryption challenge';
    if (proof.length !== PROOF_BYTES) {
      return `the encryption challenge has ${proof.length} bytes, not ${PROOF_BYTES}`;
    }
    this.proven = true;
    let answer = proof;
    if (equal(proof.subarray(0, ORDERED.length), ORDERED)) {
      this.inOrder = true;
      answer = proof.slice();
      answer.set(CONFIRMED);
    }
    this.send(PayloadType.ENCRYPTION_CHALLENGE_RESPONSE, answer);
    return '';
  }

  private requestOpening(sealed: Uint8Array): void {
    if (!this.usesKey) throw new Unopenable('the node sealed something before there was a data key');
    if (sealed.length < OVERHEAD) {
      throw new Unopenable(`a sealed payload has at least ${OVERHEAD} bytes, this one has ${sealed.length}`);
    }
    if (this.inOrder && !equal(sealed.subarray(0, NONCE_BYTES), this.expectedNonce)) {
      throw new Unopenable('the payload was repeated, or one before it was left out');
    }
    this.opening = sealed;
    this.request({ type: 'OpeningRequested', sealed });
  }

  private sendWaiting(): void {
    for (let next = this.waiting[0]; next !== undefined && this.sealing === null; next = this.waiting[0]) {
      const { payloadType, payload } = next;
      if (payloadType === PayloadType.OUTPUT || payloadType === PayloadType.ENCRYPTION_CHALLENGE_RESPONSE) {
        this.sealing = this.nextNonce;
        this.nextNonce = incremented(this.sealing);
        this.request({ type: 'SealingRequested', nonce: this.sealing, plaintext: payload });
      } else {
        this.waiting.shift();
        this.waitingBytes -= payload.length;
        this.add(payloadType, payload);
      }
    }
  }
}

/** Returns the number after one that is written with its lowest byte first. */
function incremented(nonce: Uint8Array): Uint8Array<ArrayBuffer> {
  const next = Uint8Array.from(nonce);
  for (let index = 0; index < next.length; index++) {
    next[index] = (next[index]! + 1) & 0xff;
    if (next[index] !== 0) break;
  }
  return next;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
