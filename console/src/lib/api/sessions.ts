/** Lists sessions and ends them. */

import { call, type Output } from './call';
import { pageSize, type Page } from '../resource.svelte';

export type Session = NonNullable<Output<'ssm/DescribeSessions'>['Sessions']>[number];
export type SessionState = 'Active' | 'History';

/** The filters of DescribeSessions, with how people call them. */
export const FILTERS = {
  Target: 'Node id',
  Owner: 'Person (ARN)',
  Status: 'Status',
  AccessType: 'Access',
  InvokedAfter: 'Started after',
  InvokedBefore: 'Started before',
  SessionId: 'Session id',
} as const;
export type FilterKey = keyof typeof FILTERS;
export interface SessionFilter {
  key: FilterKey;
  value: string;
}

const WATCHABLE = new Set([
  'AWS-StartPortForwardingSession',
  'AWS-StartPortForwardingSessionToRemoteHost',
  'AWS-StartSSHSession',
  'AWS-StartPortForwardingSessionToSocket',
]);

export async function sessionPage(
  state: SessionState,
  filters: SessionFilter[],
  next: string | undefined,
  signal?: AbortSignal,
): Promise<Page<Session>> {
  const answer = await call(
    'ssm/DescribeSessions',
    {
      State: state,
      MaxResults: pageSize(next),
      ...(filters.length > 0 ? { Filters: filters } : {}),
      ...(next === undefined ? {} : { NextToken: next }),
    },
    signal,
  );
  return { items: answer.Sessions ?? [], next: answer.NextToken };
}

/** Whether a session shows something that can be watched. */
export function isWatchable(session: Session): boolean {
  return !WATCHABLE.has(session.DocumentName ?? '');
}

export async function endSession(sessionId: string): Promise<void> {
  await call('ssm/TerminateSession', { SessionId: sessionId });
}
