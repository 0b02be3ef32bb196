/** The open terminals: tabs of panes, kept while the person looks at other screens. */

import { call } from '../api/call';
import type { Grant } from './connection';

export interface Launch {
  nodeId: string;
  nodeName: string;
  /** Empty for the account's shell. */
  document: string;
  parameters: Record<string, string[]>;
  reason: string;
}

export type PaneState = 'connecting' | 'open' | 'reconnecting' | 'ended';

/** One terminal. `serial` never changes; the rest is what its tab shows. */
export interface Pane {
  serial: number;
  launch: Launch;
  grant: Grant;
  state: PaneState;
  /** Why it ended, in words. */
  ending: string;
  /** What the program calls itself, made printable. */
  title: string;
  /** The KMS key that it is encrypted with, empty if it is not encrypted. */
  kmsKeyId: string;
}

export interface Tab {
  serial: number;
  panes: Pane[];
  /** Whether panes are side by side or one below the other. */
  across: boolean;
  active: number;
}

let serial = 1;

/** Starts a session. Throws ApiError if the server refuses. Who has left meanwhile gets null, and the session is ended. */
async function started(launch: Launch, isWanted: () => boolean): Promise<Pane | null> {
  const answer = await call('ssm/StartSession', {
    Target: launch.nodeId,
    ...(launch.document === '' ? {} : { DocumentName: launch.document }),
    ...(Object.keys(launch.parameters).length === 0 ? {} : { Parameters: launch.parameters }),
    ...(launch.reason === '' ? {} : { Reason: launch.reason }),
  });
  const grant = {
    sessionId: answer.SessionId!,
    target: launch.nodeId,
    streamUrl: answer.StreamUrl!,
    token: answer.TokenValue!,
  };
  if (!isWanted()) {
    await call('ssm/TerminateSession', { SessionId: grant.sessionId });
    return null;
  }
  return { serial: serial++, launch, grant, state: 'connecting', ending: '', title: '', kmsKeyId: '' };
}

class Terminals {
  tabs = $state<Tab[]>([]);
  current = $state(0);
  /** The serials of panes that are being started again. */
  private readonly restarting = new Set<number>();

  get tab(): Tab | undefined {
    return this.tabs.find((each) => each.serial === this.current);
  }

  get running(): number {
    return this.tabs.flatMap((each) => each.panes).filter((each) => each.state !== 'ended').length;
  }

  /** Opens a tab, unless the person does not want it any longer once it could be; returns whether it did. */
  async open(launch: Launch, isWanted = () => true): Promise<boolean> {
    const pane = await started(launch, isWanted);
    if (pane === null) return false;
    const tab: Tab = { serial: serial++, panes: [pane], across: true, active: pane.serial };
    this.tabs.push(tab);
    this.current = tab.serial;
    return true;
  }

  /** Opens another session of the same kind beside the active pane. */
  async split(tab: Tab, across: boolean): Promise<void> {
    const from = tab.panes.find((each) => each.serial === tab.active) ?? tab.panes[0];
    if (from === undefined) return;
    const pane = await started(from.launch, () => this.tabs.some((each) => each.serial === tab.serial));
    if (pane === null) return;
    tab.across = across;
    tab.panes.push(pane);
    tab.active = pane.serial;
  }

  /** Starts the same session again in the place of one that ended. */
  async again(tab: Tab, pane: Pane): Promise<void> {
    const { serial } = pane;
    if (this.restarting.has(serial)) return;
    this.restarting.add(serial);
    const isThere = () => tab.panes.some((each) => each.serial === serial);
    const fresh = await started(pane.launch, isThere).finally(() => this.restarting.delete(serial));
    if (fresh === null) return;
    tab.panes = tab.panes.map((each) => (each.serial === serial ? fresh : each));
    tab.active = fresh.serial;
  }

  /** Takes a pane away, and its tab with the last one; a session that still runs is ended. */
  async close(tab: Tab, pane: Pane): Promise<void> {
    const { state, grant } = pane;
    if (!tab.panes.some((each) => each.serial === pane.serial)) return;
    tab.panes = tab.panes.filter((each) => each.serial !== pane.serial);
    if (tab.active === pane.serial) tab.active = tab.panes.at(-1)?.serial ?? 0;
    if (tab.panes.length === 0) {
      const at = this.tabs.findIndex((each) => each.serial === tab.serial);
      this.tabs.splice(at, 1);
      if (this.current === tab.serial) this.current = (this.tabs[at] ?? this.tabs[at - 1])?.serial ?? 0;
    }
    if (state !== 'ended') await call('ssm/TerminateSession', { SessionId: grant.sessionId });
  }
}

export const terminals = new Terminals();
