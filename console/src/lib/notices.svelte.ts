/** Short messages about what was just done, at the edge of the screen. */

export interface Notice {
  id: number;
  text: string;
  tone: 'good' | 'bad';
}

const SECONDS = 6;

class Notices {
  shown = $state<Notice[]>([]);
  private next = 1;

  say(text: string, tone: 'good' | 'bad' = 'good'): void {
    const id = this.next++;
    this.shown = [...this.shown.slice(-3), { id, text, tone }];
    setTimeout(() => this.dismiss(id), SECONDS * 1000);
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((each) => each.id !== id);
  }
}

export const notices = new Notices();
