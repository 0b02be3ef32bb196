/** Looks things up in the audit trail. */

import { call } from './call';
import type { Page } from '../resource.svelte';

/** One entry: what CloudTrail's clients see, and the whole record. */
export interface Entry {
  id: string;
  time: number | undefined;
  name: string;
  source: string;
  person: string;
  resources: string[];
  readOnly: boolean;
  /** The code of the refusal, empty if the call was carried out. */
  errorCode: string;
  errorMessage: string;
  record: unknown;
}

export type AttributeKey =
  'EventName' | 'EventId' | 'AccessKeyId' | 'EventSource' | 'ReadOnly' | 'Username' | 'ResourceName' | 'ResourceType';
export interface Attribute {
  key: AttributeKey;
  value: string;
}
export interface Span {
  start?: number | undefined;
  end?: number | undefined;
}

/** A page of entries, and the servers whose trails it lacks, with the reasons. */
export interface EntryPage extends Page<Entry> {
  unsearched: Map<string, string>;
}

/** The name of an event that is in no trail: it says which servers' trails a page lacks. */
const UNSEARCHED = 'Audit Trail Not Searched';
const PAGE = 50;
/** A call may read 16 MiB and find nothing; a page asks this often before it shows what it has. */
const CALLS = 4;
/** How far from a session's start the record of it may be. */
const START_SECONDS = 60;

export async function entryPage(
  attribute: Attribute | null,
  span: Span,
  next: string | undefined,
  signal?: AbortSignal,
): Promise<EntryPage> {
  const items: Entry[] = [];
  const unsearched = new Map<string, string>();
  for (let calls = 0; calls < CALLS; calls++) {
    const answer = await call(
      'cloudtrail/LookupEvents',
      {
        MaxResults: PAGE,
        ...(attribute === null
          ? {}
          : { LookupAttributes: [{ AttributeKey: attribute.key, AttributeValue: attribute.value }] }),
        ...(span.start === undefined ? {} : { StartTime: span.start }),
        ...(span.end === undefined ? {} : { EndTime: span.end }),
        ...(next === undefined ? {} : { NextToken: next }),
      },
      signal,
    );
    for (const each of (answer.Events ?? []).map(entry)) {
      if (each.name !== UNSEARCHED) items.push(each);
      else for (const [server, reason] of serversIn(each.record)) unsearched.set(server, reason);
    }
    next = answer.NextToken;
    if (items.length > 0 || next === undefined) break;
  }
  return { items, next, unsearched };
}

/**
 * Returns the KMS key that a session is encrypted with, as its document names it; null if the trail has none of it.
 *
 * `startedAt` is when it started, in seconds since the epoch. Throws ApiError if the person may not read the trail.
 */
export async function kmsKeyOfSession(
  sessionId: string,
  startedAt: number,
  signal?: AbortSignal,
): Promise<string | null> {
  const span = { start: startedAt - START_SECONDS, end: startedAt + START_SECONDS };
  const { items } = await entryPage({ key: 'ResourceName', value: sessionId }, span, undefined, signal);
  return items.map((each) => kmsKeyIn(each.record)).find((each) => each !== null) ?? null;
}

/** Returns the KMS key in a record of how a session changed, null if there is none. */
export function kmsKeyIn(record: unknown): string | null {
  const details = (record as { serviceEventDetails?: Record<string, unknown> } | null)?.serviceEventDetails;
  return text(details?.['kmsKeyId']) || null;
}

function serversIn(record: unknown): [string, string][] {
  const details = (record as { serviceEventDetails?: { servers?: Record<string, unknown> } }).serviceEventDetails;
  return Object.entries(details?.servers ?? {}).map(([server, reason]) => [server, text(reason)]);
}

type Event = {
  EventId?: string;
  EventName?: string;
  EventSource?: string;
  EventTime?: number;
  Username?: string;
  ReadOnly?: string;
  CloudTrailEvent?: string;
  Resources?: { ResourceName?: string }[];
};

function entry(event: Event): Entry {
  const record = parsed(event.CloudTrailEvent ?? '');
  return {
    id: event.EventId ?? '',
    time: event.EventTime,
    name: event.EventName ?? '',
    source: event.EventSource ?? '',
    person: event.Username ?? '',
    resources: (event.Resources ?? []).map((each) => each.ResourceName ?? ''),
    readOnly: event.ReadOnly === 'true',
    errorCode: text(record['errorCode']),
    errorMessage: text(record['errorMessage']),
    record,
  };
}

function parsed(value: string): Record<string, unknown> {
  try {
    return JSON.parse(value) as Record<string, unknown>;
  } catch {
    return { unreadable: value };
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
