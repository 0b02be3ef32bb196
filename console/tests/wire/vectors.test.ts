import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MalformedFrame, decode, encode, type AgentMessage } from '../../src/lib/wire/agentMessage';
import { sha256 } from '../../src/lib/wire/sha256';

interface Vector {
  kind: string;
  name: string;
  hex: string;
  message_type: string;
  schema_version: number;
  created_date_ms: number;
  sequence_number: number;
  flags: number;
  message_id: string;
  payload_type: number;
  payload_hex: string;
  payload_digest_hex: string;
}

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../../../tests/vectors/${file}`, import.meta.url), 'utf8')) as Vector[];
const vectors = [...read('client.json'), ...read('agent.json')].filter(
  (each) => each.kind === 'agent_message' && each.payload_digest_hex !== undefined,
);
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');
const sequence = (vector: Vector) => new DataView(bytes(vector.hex).buffer).getBigInt64(48); // JSON numbers lose bits

describe('agent messages', () => {
  it('has vectors to test', () => expect(vectors.length).toBeGreaterThan(40));

  it.each(vectors.map((each) => [each.name, each] as const))(
    '%s decodes and encodes to the same bytes',
    (_, vector) => {
      const message = decode(bytes(vector.hex));
      expect(message.messageType).toBe(vector.message_type);
      expect(message.sequenceNumber).toBe(sequence(vector));
      expect(Number(message.flags)).toBe(vector.flags);
      expect(message.messageId).toBe(vector.message_id);
      expect(Number(message.createdDate)).toBe(vector.created_date_ms);
      expect(message.payloadType).toBe(vector.payload_type);
      expect(message.schemaVersion).toBe(vector.schema_version);
      expect(hex(message.payload)).toBe(vector.payload_hex);
      expect(hex(sha256(message.payload))).toBe(vector.payload_digest_hex);
      expect(hex(encode(message))).toBe(vector.hex);
    },
  );
});

describe('SHA-256', () => {
  it.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1024, 100_000])(
    'of %i bytes is what the platform says',
    async (size) => {
      const data = Uint8Array.from({ length: size }, (_, index) => (index * 31) & 0xff);
      expect(hex(sha256(data))).toBe(hex(new Uint8Array(await crypto.subtle.digest('SHA-256', data))));
    },
  );
});

describe('malformed frames', () => {
  const message: AgentMessage = {
    messageType: 'output_stream_data',
    sequenceNumber: 0n,
    flags: 0n,
    messageId: 'f47ac10b-58cc-4372-a567-0e02b2c3d401',
    createdDate: 1n,
    payloadType: 1,
    payload: new Uint8Array([1, 2, 3]),
    schemaVersion: 1,
  };
  const changed = (at: number, value: number) => {
    const frame = encode(message);
    frame[at] = value;
    return frame;
  };

  it.each([
    ['shorter than a header', encode(message).subarray(0, 119), /has 119 bytes/],
    ['another HeaderLength', changed(3, 0x75), /HeaderLength is 117/],
    ['another payload length', changed(119, 4), /announces 4 payload bytes and has 3/],
    ['another payload', changed(122, 9), /does not match/],
    ['a CreatedDate of 0', changed(47, 0), /CreatedDate is 0/],
    ['a type that is not ASCII', changed(4, 0xff), /not ASCII/],
    ['an empty type', encode(message).fill(0x20, 4, 36), /empty/],
  ])('%s is refused', (_, frame, expected) => {
    expect(() => decode(frame)).toThrow(MalformedFrame);
    expect(() => decode(frame)).toThrow(expected);
  });

  it('a wrong digest passes where digests were given up', () => {
    expect(decode(encode(message, false), false).payload).toEqual(message.payload);
    expect(() => decode(encode(message, false))).toThrow(/does not match/);
  });
});
