/** KMS keys: what they are, their aliases, rotation and policy. */

import { call, type Output } from './call';
import { ApiError } from './errors';
import type { Page } from '../resource.svelte';

export type KeyMetadata = NonNullable<Output<'kms/DescribeKey'>['KeyMetadata']>;
export type RotationStatus = Output<'kms/GetKeyRotationStatus'>;
export type Rotation = NonNullable<Output<'kms/ListKeyRotations'>['Rotations']>[number];

/** A row of the list; null is what the person may not see, or what a key in its state does not have. */
export interface KeyRow {
  id: string;
  metadata: KeyMetadata | null;
  aliases: string[];
  rotation: RotationStatus | null;
}

/** What a call answered, or why it did not: a page shows what it may. */
export type Outcome<T> = { value: T; error: null } | { value: null; error: unknown };

export interface KeyDetails {
  metadata: KeyMetadata;
  aliases: Outcome<string[]>;
  rotation: Outcome<RotationStatus>;
  rotations: Outcome<Rotation[]>;
  policy: Outcome<string>;
}

export const ALIAS_PREFIX = 'alias/';
/** An alias without its prefix, as an input's pattern. */
export const ALIAS_PATTERN = '(?!aws/)[a-zA-Z0-9\\/_\\-]+';
export const ROTATION_DAYS = { least: 90, usual: 365, most: 2560 };
export const WAITING_DAYS = { least: 7, usual: 30, most: 30 };
const PAGE = 25;

export async function keyPage(next: string | undefined, signal: AbortSignal): Promise<Page<KeyRow>> {
  const answer = await call('kms/ListKeys', { Limit: PAGE, ...(next === undefined ? {} : { Marker: next }) }, signal);
  const rows = await Promise.all((answer.Keys ?? []).map((each) => keyRow(each.KeyId!, signal)));
  return { items: rows.filter((row) => row !== null), next: answer.Truncated ? answer.NextMarker : undefined };
}

/** Returns a key's row, null if it was deleted meanwhile. */
async function keyRow(id: string, signal: AbortSignal): Promise<KeyRow | null> {
  const [metadata, aliases, rotation] = await Promise.all([
    outcome(describe(id, signal)),
    outcome(aliasesOf(id, signal)),
    outcome(call('kms/GetKeyRotationStatus', { KeyId: id }, signal)),
  ]);
  if (metadata.error instanceof ApiError && !metadata.error.isDenied) {
    if (metadata.error.code === 'NotFoundException') return null;
    throw metadata.error;
  }
  return { id, metadata: metadata.value, aliases: aliases.value ?? [], rotation: rotation.value };
}

/** Returns everything of a key that its page shows. Throws ApiError if the key itself may not be seen. */
export async function keyDetails(named: string, signal?: AbortSignal): Promise<KeyDetails> {
  const metadata = await describe(named, signal);
  const id = metadata.KeyId;
  const [aliases, rotation, rotations, policy] = await Promise.all([
    outcome(aliasesOf(id, signal)),
    outcome(call('kms/GetKeyRotationStatus', { KeyId: id }, signal)),
    outcome(call('kms/ListKeyRotations', { KeyId: id }, signal).then((answer) => answer.Rotations ?? [])),
    outcome(call('kms/GetKeyPolicy', { KeyId: id }, signal).then((answer) => policyLines(answer.Policy ?? ''))),
  ]);
  return { metadata, aliases, rotation, rotations, policy };
}

/** Creates a key, and an alias for it unless that is empty; `problem` is why the alias could not be created. */
export async function createKey(description: string, alias: string): Promise<{ id: string; problem: unknown }> {
  const created = await call('kms/CreateKey', { Description: description });
  const id = created.KeyMetadata!.KeyId;
  if (alias === '') return { id, problem: null };
  const { error } = await outcome(call('kms/CreateAlias', { AliasName: ALIAS_PREFIX + alias, TargetKeyId: id }));
  return { id, problem: error };
}

/** Returns how often a key rotates, in words. */
export function rotationPeriod(status: RotationStatus): string {
  return status.KeyRotationEnabled ? `Every ${status.RotationPeriodInDays} days` : 'Off';
}

/** Returns a policy that was written on one line on several, and any other as it was written. */
export function policyLines(text: string): string {
  if (text.trim().includes('\n')) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function describe(id: string, signal?: AbortSignal): Promise<KeyMetadata> {
  return (await call('kms/DescribeKey', { KeyId: id }, signal)).KeyMetadata!;
}

/** A key has at most 50 aliases: one page. */
async function aliasesOf(id: string, signal?: AbortSignal): Promise<string[]> {
  const answer = await call('kms/ListAliases', { KeyId: id }, signal);
  return (answer.Aliases ?? []).map((each) => each.AliasName ?? '').sort();
}

async function outcome<T>(promise: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await promise, error: null };
  } catch (error) {
    if (error instanceof ApiError && error.code !== 'Unreachable') return { value: null, error };
    throw error;
  }
}
