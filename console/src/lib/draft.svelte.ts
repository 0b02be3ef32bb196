/** A text of the server's that a person edits: a newer one takes its place only while nothing has been changed. */

import { untrack } from 'svelte';

export class Draft {
  text = $state('');
  /** What the person began with, or has saved. */
  private base = '';

  /** The server has this text now. */
  follow(saved: string): void {
    untrack(() => {
      if (this.text === this.base) this.text = saved;
      this.base = saved;
    });
  }

  /** The server has accepted `sent`; more may have been typed since. */
  accepted(sent: string): void {
    this.base = sent;
  }
}
