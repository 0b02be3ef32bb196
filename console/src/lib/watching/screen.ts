/** The screen of a watched session in xterm.js, which parses what is written later, but resets and resizes immediately. */

interface Terminal {
  write(data: string, parsed?: () => void): void;
  reset(): void;
  resize(columns: number, rows: number): void;
}

const MOST = { columns: 500, rows: 300 };

/** Draws events in their order: what is done to the screen waits until what was written before has been parsed. */
export class WatchedScreen {
  private isClosed = false;

  constructor(private readonly terminal: Terminal) {}

  /** Begins again, with this text on a screen of this size. */
  reset(columns: number, rows: number, text: string): void {
    this.afterwards(() => {
      this.terminal.reset();
      this.terminal.resize(...within(columns, rows));
    });
    this.terminal.write(text);
  }

  write(text: string): void {
    this.terminal.write(text);
  }

  resize(columns: number, rows: number): void {
    this.afterwards(() => this.terminal.resize(...within(columns, rows)));
  }

  /** Call it before the terminal is disposed of. */
  close(): void {
    this.isClosed = true;
  }

  private afterwards(action: () => void): void {
    this.terminal.write('', () => {
      if (!this.isClosed) action();
    });
  }
}

function within(columns: number, rows: number): [number, number] {
  return [Math.min(MOST.columns, Math.max(2, columns)), Math.min(MOST.rows, Math.max(2, rows))];
}
