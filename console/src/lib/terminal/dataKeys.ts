/** Has the server's KMS generate the data keys of encrypted sessions: a browser can ask no other KMS. */

import { call } from '../api/call';
import { ApiError } from '../api/errors';
import type { DataKeyRequested } from '../channel/events';
import { fromBase64 } from '../wire/base64';
import type { Grant } from './connection';
import { SessionCipher } from './sessionCipher';

const DATA_KEY_BYTES = 64;
/** The node waits 15 s for the handshake's answer. */
const CALL_SECONDS = 12;

/** There is no data key; the text is the reason, without a full stop. */
export class DataKeyFailed extends Error {}

/** Returns a data key for the session, bound to it and its node, and KMS's ciphertext of it in base64. Throws DataKeyFailed. */
export async function generateDataKey(
  grant: Grant,
  { kmsKeyId, challenge }: DataKeyRequested,
): Promise<{ cipher: SessionCipher; ciphertext: string }> {
  if (!('subtle' in crypto)) throw new DataKeyFailed('browsers encrypt only in pages that come over TLS');
  const context = { 'aws:ssm:SessionId': grant.sessionId, 'aws:ssm:TargetId': grant.target };
  const input = {
    KeyId: kmsKeyId,
    NumberOfBytes: DATA_KEY_BYTES,
    EncryptionContext: challenge === null ? context : { ...context, 'aws:ssm:RandomChallenge': challenge },
  };
  try {
    const answer = await call('kms/GenerateDataKey', input, AbortSignal.timeout(CALL_SECONDS * 1000));
    const cipher = await SessionCipher.of(fromBase64(answer.Plaintext ?? ''));
    return { cipher, ciphertext: answer.CiphertextBlob ?? '' };
  } catch (error) {
    if (error instanceof ApiError) {
      throw new DataKeyFailed(`GenerateDataKey was refused: ${error.code}, ${error.message.replace(/\.$/, '')}`);
    }
    if (error instanceof RangeError) throw new DataKeyFailed(error.message);
    if (error instanceof DOMException) throw new DataKeyFailed(`KMS did not answer within ${CALL_SECONDS} s`);
    throw error;
  }
}
