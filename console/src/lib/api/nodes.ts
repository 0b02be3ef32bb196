/** Lists and finds managed nodes. */

import { call, inBackground, newLoad, type Output } from './call';
import { ApiError } from './errors';
import { pageSize, type Page } from '../resource.svelte';
import { printable } from '../text';

export type Node = NonNullable<Output<'ssm/DescribeInstanceInformation'>['InstanceInformationList']>[number];

const FOUND = 100;
const TOGETHER_MILLISECONDS = 30;
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
      MaxResults: pageSize(next),
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

/** The tags of many nodes: those that are asked for within a moment come with one call. */
export class TagsOfNodes {
  private readonly known = new Map<string, Promise<[string, string][]>>();
  private readonly waiting = new Map<string, (tags: [string, string][]) => void>();

  /** Returns the tags of a node but its name, none for whoever may not see them. */
  of(nodeId: string): Promise<[string, string][]> {
    let tags = this.known.get(nodeId);
    if (tags === undefined) {
      tags = new Promise((resolve) => {
        if (this.waiting.size === 0) setTimeout(() => void this.ask(), TOGETHER_MILLISECONDS);
        this.waiting.set(nodeId, resolve);
      });
      this.known.set(nodeId, tags);
    }
    return tags;
  }

  forget(): void {
    this.known.clear();
  }

  private async ask(): Promise<void> {
    const asked = [...this.waiting].slice(0, FOUND);
    asked.forEach(([nodeId]) => this.waiting.delete(nodeId));
    if (this.waiting.size > 0) setTimeout(() => void this.ask(), TOGETHER_MILLISECONDS);
    const tags = new Map<string, [string, string][]>();
    try {
      const Filters = [{ Name: 'instance-id', Values: asked.map(([nodeId]) => nodeId) }];
      const { signal } = inBackground(newLoad); // rows come by themselves, too
      const answer = await call('ec2/DescribeInstances', { Filters }, signal);
      for (const { InstanceId, Tags } of (answer.Reservations ?? []).flatMap((each) => each.Instances ?? [])) {
        tags.set(
          InstanceId!,
          (Tags ?? []).filter((each) => each.Key !== 'Name').map((each) => [each.Key!, each.Value!]),
        );
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    asked.forEach(([nodeId, resolve]) => resolve(tags.get(nodeId) ?? []));
  }
}

/** Returns the tags of a node. */
export async function nodeTags(nodeId: string, signal?: AbortSignal): Promise<[string, string][]> {
  const answer = await call('ssm/ListTagsForResource', { ResourceType: 'ManagedInstance', ResourceId: nodeId }, signal);
  return (answer.TagList ?? []).map((each) => [each.Key, each.Value]);
}
