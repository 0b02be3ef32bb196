import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ClientChannel } from '../../src/lib/channel/clientChannel';
import type { ChannelEvent } from '../../src/lib/channel/events';
import { SessionCipher } from '../../src/lib/terminal/sessionCipher';
import { MessageType, PayloadType, decode, encode } from '../../src/lib/wire/agentMessage';
import { encodeEncryptionChallenge, encodeJson } from '../../src/lib/wire/payloads';

interface Vector {
  kind: string;
  name: string;
  data_key_hex: string;
  nonce_hex: string;
  plaintext_hex: string;
  hex: string;
}

const file = new URL('../../../tests/vectors/client.json', import.meta.url);
const vectors = (JSON.parse(readFileSync(file, 'utf8')) as Vector[]).filter((each) => each.kind === 'aes_gcm');
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const text = (value: string) => new TextEncoder().encode(value);

const DATA_KEY = Uint8Array.from({ length: 64 }, (_, index) => index);
/** The node's end has its halves the other way round. */
const NODE_KEY = Uint8Array.from([...DATA_KEY.slice(32), ...DATA_KEY.slice(0, 32)]);

describe('a data key', () => {
  it.each(vectors)('seals and opens $name', async (vector) => {
    const key = bytes(vector.data_key_hex);
    if (vector.name.endsWith('to_client')) {
      const client = await SessionCipher.of(key);
      expect(await client.open(bytes(vector.hex))).toEqual(bytes(vector.plaintext_hex));
    } else {
      const client = await SessionCipher.of(key);
      expect(await client.seal(bytes(vector.nonce_hex), bytes(vector.plaintext_hex))).toEqual(bytes(vector.hex));
    }
  });

  it('opens nothing that was changed, and has 64 bytes', async () => {
    const vector = vectors.find((each) => each.name.endsWith('to_client'))!;
    const changed = bytes(vector.hex);
    changed[20]! ^= 1;
    expect(await (await SessionCipher.of(DATA_KEY)).open(changed)).toBeNull();
    await expect(SessionCipher.of(DATA_KEY.slice(1))).rejects.toThrow('63');
  });
});

describe('an encrypted session', () => {
  let channel: ClientChannel;
  let client: SessionCipher;
  let node: SessionCipher;
  let sent: number;
  let nonce: number;
  let happened: ChannelEvent[];

  const fresh = () => Uint8Array.from({ length: 12 }, (_, index) => (index === 0 ? nonce++ : 0));
  const sealed = (value: string) => node.seal(fresh(), text(value));
  const proof = (start: string) => Uint8Array.from([...text(start), ...new Uint8Array(64 - start.length)]);

  function receive(
    payloadType: number,
    payload: Uint8Array,
    messageType: string = MessageType.OUTPUT_STREAM_DATA,
  ): void {
    const sequenceNumber = BigInt(messageType === MessageType.OUTPUT_STREAM_DATA ? sent++ : 0);
    const messageId = crypto.randomUUID();
    const frame = { messageType, sequenceNumber, flags: 0n, messageId, createdDate: 1n, payloadType, payload };
    channel.receive(encode({ ...frame, schemaVersion: 1 }), 0);
  }

  async function settle(): Promise<void> {
    for (let next = channel.events(); next.length > 0; next = channel.events()) {
      for (const event of next) {
        if (event.type === 'SealingRequested') channel.sealed(await client.seal(event.nonce, event.plaintext));
        else if (event.type === 'OpeningRequested') channel.opened(await client.open(event.sealed), 0);
        else happened.push(event);
      }
    }
  }

  const frames = (payloadType: number) =>
    channel
      .framesToSend(0)
      .map((each) => decode(each))
      .filter((each) => each.messageType === MessageType.INPUT_STREAM_DATA && each.payloadType === payloadType);
  const types = () => happened.splice(0).map((each) => each.type);

  beforeEach(async () => {
    client = await SessionCipher.of(DATA_KEY);
    node = await SessionCipher.of(NODE_KEY);
    [sent, nonce, happened] = [0, 1, []];
    const entropy = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    channel = new ClientChannel({ entropy, wallClockMs: () => 1, clientVersion: '1.3.1.0', terminalType: '' });
    channel.connectionMade();
    const actions = [
      { ActionType: 'SessionType', ActionParameters: { SessionType: 'Standard_Stream' } },
      { ActionType: 'KMSEncryption', ActionParameters: { KMSKeyId: 'alias/a', Challenge: 'AAAA' } },
    ];
    receive(PayloadType.HANDSHAKE_REQUEST, encodeJson({ AgentVersion: '3.2.0.0', RequestedClientActions: actions }));
    await settle();
    expect(happened.splice(0)).toEqual([{ type: 'DataKeyRequested', kmsKeyId: 'alias/a', challenge: 'AAAA' }]);
  });

  async function prove(start = 'ferryman:ordered'): Promise<void> {
    const challenge = await node.seal(fresh(), proof(start));
    receive(PayloadType.ENCRYPTION_CHALLENGE_REQUEST, encodeEncryptionChallenge(challenge));
    await settle();
  }

  async function open(start?: string): Promise<void> {
    channel.useDataKey('Y2lwaGVy');
    await prove(start);
    receive(PayloadType.HANDSHAKE_COMPLETE, encodeJson({ HandshakeTimeToComplete: 1, CustomerMessage: '' }));
    await settle();
    expect(happened.splice(0)).toMatchObject([{ type: 'SessionStarted', kmsKeyId: 'alias/a' }]);
  }

  it('acknowledges the challenge, proves the key in its own words, and seals what is typed in order', async () => {
    channel.useDataKey('Y2lwaGVy');
    const response = JSON.parse(new TextDecoder().decode(frames(PayloadType.HANDSHAKE_RESPONSE)[0]!.payload));
    expect(response.ProcessedClientActions[1]).toEqual({
      ActionType: 'KMSEncryption',
      ActionStatus: 1,
      ActionResult: { KMSCipherTextKey: 'Y2lwaGVy', KMSCipherTextHash: null, ChallengeAcknowledgement: true },
      Error: '',
    });
    await prove();
    const answer = JSON.parse(new TextDecoder().decode(frames(PayloadType.ENCRYPTION_CHALLENGE_RESPONSE)[0]!.payload));
    const opened = await node.open(Uint8Array.from(Buffer.from(answer.Challenge, 'base64')));
    expect(opened).toEqual(proof('ferryman:confirm'));
    receive(PayloadType.HANDSHAKE_COMPLETE, encodeJson({ HandshakeTimeToComplete: 1, CustomerMessage: '' }));
    for (const word of ['one', 'two']) channel.send(PayloadType.OUTPUT, text(word));
    channel.send(PayloadType.FLAG, text('flag'));
    expect(channel.allAcknowledged).toBe(false);
    await settle();
    const data = channel.framesToSend(0).map((each) => decode(each));
    const input = data.filter((each) => each.messageType === MessageType.INPUT_STREAM_DATA);
    expect(input.map((each) => each.payloadType)).toEqual([PayloadType.OUTPUT, PayloadType.OUTPUT, PayloadType.FLAG]);
    expect(await node.open(input[0]!.payload)).toEqual(text('one'));
    expect(await node.open(input[1]!.payload)).toEqual(text('two'));
    expect(input[0]!.payload.slice(0, 12)).not.toEqual(input[1]!.payload.slice(0, 12));
  });

  it('is refused with the reason if there is no data key', async () => {
    channel.refuseDataKey('GenerateDataKey was refused: DisabledException');
    const response = JSON.parse(new TextDecoder().decode(frames(PayloadType.HANDSHAKE_RESPONSE)[0]!.payload));
    expect(response.Errors).toEqual([
      'Failed to process action KMSEncryption: GenerateDataKey was refused: DisabledException',
    ]);
    receive(PayloadType.ERROR, text('no data key'));
    await settle();
    expect(happened).toEqual([{ type: 'ClientNotAccepted', reason: 'no data key' }]);
  });

  it('shows nothing that came in the clear, was changed, or was sealed too early', async () => {
    receive(PayloadType.OUTPUT, text('early'));
    await settle();
    expect(types()).toEqual(['FrameRejected']);
    sent--;
    await open();
    receive(PayloadType.OUTPUT, text('in the clear, and longer than a nonce and a tag'));
    await settle();
    expect(types()).toEqual(['FrameRejected']);
    sent--;
    receive(PayloadType.OUTPUT, text('short'));
    await settle();
    expect(types()).toEqual(['FrameRejected']);
    sent--;
    receive(PayloadType.OUTPUT, await sealed('good'));
    await settle();
    expect(happened).toMatchObject([{ type: 'OutputReceived', payload: text('good') }]);
  });

  it('opens each message once, in its order, if the node counts', async () => {
    await open();
    const [one, two] = [await sealed('one'), await sealed('two')];
    receive(PayloadType.OUTPUT, two);
    await settle();
    expect(types()).toEqual(['FrameRejected']);
    sent--;
    for (const each of [one, two, two]) receive(PayloadType.OUTPUT, each);
    await settle();
    expect(types()).toEqual(['OutputReceived', 'OutputReceived', 'FrameRejected']);
  });

  it("does not hold AWS's agent to an order", async () => {
    await open('');
    nonce += 5;
    receive(PayloadType.OUTPUT, await sealed('later'));
    await settle();
    expect(types()).toEqual(['OutputReceived']);
  });

  it('starts only after the node has proven that it has the key, and proves its own once', async () => {
    channel.useDataKey('Y2lwaGVy');
    receive(PayloadType.HANDSHAKE_COMPLETE, encodeJson({ HandshakeTimeToComplete: 1, CustomerMessage: '' }));
    await settle();
    expect(types()).toEqual(['FrameRejected']);
    await prove();
    await prove();
    expect(types()).toEqual(['FrameRejected']);
    expect(frames(PayloadType.ENCRYPTION_CHALLENGE_RESPONSE)).toHaveLength(1);
  });

  it('ends after what came before the end is shown', async () => {
    await open();
    receive(PayloadType.OUTPUT, await sealed('last'));
    receive(PayloadType.EXIT_CODE, await sealed('EXIT_CODE: 3'));
    receive(PayloadType.NONE, encodeJson({ Output: '' }), MessageType.CHANNEL_CLOSED);
    expect(channel.isClosing).toBe(true);
    await settle();
    expect(types()).toEqual(['OutputReceived', 'OutputReceived', 'SessionEnded']);
    expect(channel.ended).toBe(true);
  });
});
