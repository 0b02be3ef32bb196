/** The figures of the overview. */

import { call } from '$lib/api/call';
import { ApiError } from '$lib/api/errors';

const PAGE = 1000;
const PAGES = 20;

export interface NodeCounts {
  Online: number;
  Offline: number;
  more: boolean;
}

/** Counts nodes, a thousand at a time. */
export async function countNodes(signal: AbortSignal): Promise<NodeCounts> {
  const counts: NodeCounts = { Online: 0, Offline: 0, more: false };
  let next: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const answer = await call(
      'ec2/DescribeInstances',
      { MaxResults: PAGE, ...(next ? { NextToken: next } : {}) },
      signal,
    );
    for (const instance of (answer.Reservations ?? []).flatMap((each) => each.Instances ?? [])) {
      counts[instance.State?.Name === 'running' ? 'Online' : 'Offline'] += 1;
    }
    next = answer.NextToken;
    if (!next) return counts;
  }
  return { ...counts, more: true };
}

export interface RecordingHealth {
  /** When the newest finished recording began, null if there is none. */
  newest: number | null;
  intact: boolean;
  problem: string;
}

/** Verifies the newest finished recording. */
export async function recordingHealth(signal: AbortSignal): Promise<RecordingHealth> {
  const answer = await call('ferryman/ListRecordings', { MaxResults: 20 }, signal);
  const newest = (answer.Recordings ?? []).find((each) => each.FinishDate !== undefined);
  if (newest === undefined) return { newest: null, intact: true, problem: '' };
  try {
    const found = await call('ferryman/VerifyRecording', { SessionId: newest.SessionId! }, signal);
    return { newest: newest.StartDate ?? null, intact: found.Intact === true, problem: found.Problem ?? '' };
  } catch (error) {
    if (error instanceof ApiError && !error.isDenied)
      return { newest: newest.StartDate ?? null, intact: false, problem: error.message };
    throw error;
  }
}
