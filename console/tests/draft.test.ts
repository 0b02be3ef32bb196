import { expect, it } from 'vitest';
import { Draft } from '../src/lib/draft.svelte';

function edited(text: string): Draft {
  const draft = new Draft();
  draft.follow('saved');
  draft.text = text;
  return draft;
}

it('follows what the server has until it is changed', () => {
  const draft = new Draft();
  draft.follow('first');
  draft.follow('second');
  expect(draft.text).toBe('second');
});

it('keeps what was changed when somebody else has saved something', () => {
  const draft = edited('mine');
  draft.follow('theirs');
  expect(draft.text).toBe('mine');
});

it('has the server’s form of what was saved', () => {
  const draft = edited('{"a":1}');
  draft.accepted('{"a":1}');
  draft.follow('{ "a": 1 }');
  expect(draft.text).toBe('{ "a": 1 }');
});

it('keeps what is typed while the server saves what was there before', () => {
  const draft = edited('sent');
  draft.text = 'sent, and more';
  draft.accepted('sent');
  draft.follow('sent');
  expect(draft.text).toBe('sent, and more');
});
