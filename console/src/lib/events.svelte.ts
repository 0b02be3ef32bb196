/** Live updates: the server says which subject has changed, and screens load again what they show of it. */

import { inBackground } from './api/call';
import { API_PATH } from './paths';
import { session } from './session.svelte';

export type Subject = 'sessions' | 'nodes' | 'access-requests' | 'recordings';
type Listener = () => void;

const RETRY_SECONDS = 5;
const POLL_SECONDS = 20;

class LiveUpdates {
  private readonly listeners = new Map<Subject, Set<Listener>>();
  /** What has changed while nobody saw the page. */
  private readonly missed = new Set<Subject>();
  private source: EventSource | null = null;
  private poll: ReturnType<typeof setInterval> | null = null;
  /** Whether something may have changed while no stream was open. */
  private wasAway = false;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      const missed = [...this.missed];
      this.missed.clear();
      missed.forEach((each) => this.tell(each));
    });
  }

  /** Calls `listener` when something of `subject` changes; the answer ends that. */
  on(subject: Subject, listener: Listener): () => void {
    const of = this.listeners.get(subject) ?? new Set();
    this.listeners.set(subject, of.add(listener));
    return () => of.delete(listener);
  }

  open(): void {
    this.close();
    const source = (this.source = new EventSource(`${API_PATH}events`));
    source.addEventListener('change', (event) => {
      const { subject } = JSON.parse(event.data as string) as { subject: Subject };
      this.tell(subject);
    });
    source.addEventListener('open', () => {
      this.stopPolling();
      if (this.wasAway) this.tellAll();
      this.wasAway = false;
    });
    source.addEventListener('end', () => {
      this.close();
      if (session.me !== null) session.expired = true;
    });
    source.addEventListener('error', () => {
      this.wasAway = true;
      this.startPolling();
      // A refusal closes the stream for good, an outage does not: the browser then tries again by itself.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        setTimeout(
          () => this.source === source && session.me !== null && !session.expired && this.open(),
          RETRY_SECONDS * 1000,
        );
      }
    });
  }

  close(): void {
    if (this.source !== null) this.wasAway = true;
    this.source?.close();
    this.source = null;
    this.stopPolling();
  }

  private startPolling(): void {
    this.poll ??= setInterval(() => this.tellAll(), POLL_SECONDS * 1000);
  }

  private tellAll(): void {
    [...this.listeners.keys()].forEach((each) => this.tell(each));
  }

  private stopPolling(): void {
    if (this.poll !== null) clearInterval(this.poll);
    this.poll = null;
  }

  private tell(subject: Subject): void {
    if (session.expired) {
      this.wasAway = true;
      return;
    }
    if (document.visibilityState === 'hidden') {
      this.missed.add(subject);
      return;
    }
    inBackground(() => this.listeners.get(subject)?.forEach((each) => each()));
  }
}

export const live = new LiveUpdates();
