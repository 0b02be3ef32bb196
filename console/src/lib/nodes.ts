/** Lists and finds managed nodes. */

import { call, type Output } from './api/call';
import type { Page } from './resource.svelte';
import { printable } from './text';

export type Node = NonNullable<Output<'ssm/DescribeInstanceInformation'>['InstanceInformationList']>[number];

const PAGE = 50;
const FOUND = 100;
const NODE_ID = /^m?i-[0-9a-f]+$/;
const WHOLE_ID = /^(mi-[0-9a-f]{17}|i-[0-9a-f]{8}|i-[0-9a-f]{17})$/;

export interface NodeFilter {
  /** Part of a name, an id, or `tag:KEY=VALUE`. */
  text: string;
  status: string;
  platform: string;
}

export function nodeName(node: Node): string {
  return printable(node.Name || node.ComputerName || node.InstanceId);
}

/** Returns a page of nodes. */
export async function nodePage(filter: NodeFilter, next: string | undefined, signal: AbortSignal): Promise<Page<Node>> {
  const text = filter.text.trim();
  const filters: { Key: string; Values: string[] }[] = [];
  if (filter.status !== '') filters.push({ Key: 'PingStatus', Values: [filter.status] });
  if (filter.platform !== '') filters.push({ Key: 'PlatformTypes', Values: [filter.platform] });
  const tag = /^tag:([^=]+)(?:=(.*))?$/.exec(text);
  if (tag !== null) {
    filters.push(
      tag[2] === undefined ? { Key: 'tag-key', Values: [tag[1]!] } : { Key: `tag:${tag[1]}`, Values: [tag[2]] },
    );
  } else if (WHOLE_ID.test(text)) {
    filters.push({ Key: 'InstanceIds', Values: [text] });
  } else if (text !== '') {
    const ids = await idsByName(text, signal);
    if (ids.length === 0) return { items: [], next: undefined };
    filters.push({ Key: 'InstanceIds', Values: ids });
  }
  const answer = await call(
    'ssm/DescribeInstanceInformation',
    {
      MaxResults: PAGE,
      ...(filters.length > 0 ? { Filters: filters } : {}),
      ...(next === undefined ? {} : { NextToken: next }),
    },
    signal,
  );
  return { items: answer.InstanceInformationList ?? [], next: answer.NextToken };
}

/** Returns the ids of up to FOUND nodes whose name, computer name, address or id contains `text`. */
async function idsByName(text: string, signal: AbortSignal): Promise<string[]> {
  const escaped = text.replace(/[\\*?]/g, '\\$&');
  const values = [...new Set([escaped, escaped.toLowerCase(), escaped.toUpperCase()])].map((each) => `*${each}*`);
  const names = ['tag:Name', 'private-dns-name', 'private-ip-address', ...(NODE_ID.test(text) ? ['instance-id'] : [])];
  const answers = await Promise.all(
    names.map((Name) =>
      call('ec2/DescribeInstances', { Filters: [{ Name, Values: values }], MaxResults: 1000 }, signal),
    ),
  );
  const ids = answers.flatMap((each) => each.Reservations ?? []).flatMap((each) => each.Instances ?? []);
  return [...new Set(ids.map((each) => each.InstanceId!))].slice(0, FOUND);
}

/** Returns the tags of a node. */
export async function nodeTags(nodeId: string, signal?: AbortSignal): Promise<[string, string][]> {
  const answer = await call('ssm/ListTagsForResource', { ResourceType: 'ManagedInstance', ResourceId: nodeId }, signal);
  return (answer.TagList ?? []).map((each) => [each.Key, each.Value]);
}
