import { describe, expect, it } from 'vitest';
import { kmsKeyIn } from '../src/lib/api/audit';
import { ALIAS_PATTERN, policyLines } from '../src/lib/api/keys';

describe('a key policy', () => {
  it('that was written on one line is shown on several', () => {
    expect(policyLines('{"Version": "2012-10-17"}')).toBe('{\n  "Version": "2012-10-17"\n}');
  });

  it('is shown as it was written otherwise', () => {
    for (const text of ['{\n "Version":\n  "2012-10-17"}', '{"Version', '']) expect(policyLines(text)).toBe(text);
  });
});

it('an alias is checked as the server does, by a pattern that browsers compile', () => {
  const pattern = new RegExp(`^(?:${ALIAS_PATTERN})$`, 'v');
  for (const name of ['sessions', 'a/b_c-1', 'awsome']) expect(name).toMatch(pattern);
  for (const name of ['aws/ssm', 'ä', 'a b', '']) expect(name).not.toMatch(pattern);
});

it('the key of an encrypted session is the one in the record of its start', () => {
  const record = (members: object) => ({ eventType: 'AwsServiceEvent', serviceEventDetails: members });
  expect(kmsKeyIn(record({ status: 'Connecting', kmsKeyId: 'alias/sessions' }))).toBe('alias/sessions');
  for (const other of [record({ status: 'Connected' }), record({ kmsKeyId: 7 }), {}, null])
    expect(kmsKeyIn(other)).toBeNull();
});
