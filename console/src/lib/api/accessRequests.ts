/** Access requests: made, waiting, approved, over. */

import { call } from './call';
import type { Page } from '../resource.svelte';

export interface AccessRequest {
  id: string;
  status: string;
  executionId: string;
  requester: string;
  reason: string;
  targets: string[];
  createdAt: number | undefined;
  /** ISO 8601: until when somebody must decide, or access lasts. */
  deadline: string;
  durationSeconds: number;
  waitingFor: string[];
  approvals: { level: string; approverArn: string; time: string; comment: string }[];
  decidedBy: string;
  details: string;
}

const TYPE = '/aws/accessrequest';
const PAGE = 30;

export async function requestPage(
  statuses: string[],
  next: string | undefined,
  signal?: AbortSignal,
): Promise<Page<AccessRequest>> {
  const answer = await call(
    'ssm/DescribeOpsItems',
    {
      OpsItemFilters: [
        { Key: 'OpsItemType', Operator: 'Equal', Values: [TYPE] },
        ...(statuses.length > 0 ? [{ Key: 'Status' as const, Operator: 'Equal' as const, Values: statuses }] : []),
      ],
      MaxResults: PAGE,
      ...(next ? { NextToken: next } : {}),
    },
    signal,
  );
  const items = (answer.OpsItemSummaries ?? []).map((each) =>
    parsed(each.OpsItemId ?? '', each.CreatedTime, each.OperationalData?.[TYPE]?.Value),
  );
  return { items, next: answer.NextToken };
}

export async function getRequest(id: string, signal?: AbortSignal): Promise<AccessRequest> {
  const { OpsItem } = await call('ssm/GetOpsItem', { OpsItemId: id }, signal);
  return parsed(id, OpsItem?.CreatedTime, OpsItem?.OperationalData?.[TYPE]?.Value);
}

export async function signal(
  request: AccessRequest,
  type: 'Approve' | 'Reject' | 'Revoke',
  comment: string,
): Promise<void> {
  await call('ssm/SendAutomationSignal', {
    AutomationExecutionId: request.executionId,
    SignalType: type,
    ...(comment === '' ? {} : { Payload: { Comment: [comment] } }),
  });
}

function parsed(id: string, createdAt: number | undefined, value: string | undefined): AccessRequest {
  const members = JSON.parse(value ?? '{}') as Record<string, unknown>;
  const text = (name: string) => (typeof members[name] === 'string' ? (members[name] as string) : '');
  const list = <T>(name: string) => (Array.isArray(members[name]) ? (members[name] as T[]) : []);
  const waiting = members['waitingFor'];
  return {
    id,
    status: text('accessRequestStatus'),
    executionId: text('automationExecutionId'),
    requester: text('requesterArn'),
    reason: text('reason'),
    targets: list('targets'),
    createdAt,
    deadline: text('expirationTime'),
    durationSeconds: Number(members['accessDuration'] ?? 0),
    waitingFor: typeof waiting === 'string' ? [waiting] : list('waitingFor'),
    approvals: list('approvals'),
    decidedBy: text('decidedBy'),
    details: text('details'),
  };
}
