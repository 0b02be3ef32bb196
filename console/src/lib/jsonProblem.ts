/** Where a JSON text is wrong, and how, in words. */

export interface Problem {
  line: number;
  text: string;
}

/** Returns the first mistake, null if there is none. */
export function jsonProblem(text: string): Problem | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const position = /position (\d+)/.exec(message);
    const at = position === null ? text.length : Number(position[1]);
    return { line: text.slice(0, at).split('\n').length, text: reason(text, at, message) };
  }
}

function reason(text: string, at: number, message: string): string {
  if (text.trim() === '') return 'It is empty.';
  if (at >= text.length || /end of JSON/.test(message)) return 'It ends too early: a bracket or a quote is missing.';
  const character = text[at];
  if (/control character/i.test(message)) return 'A text has a line break or a tab in it; a quote may be missing.';
  if (/,\s*$/.test(text.slice(0, at)) && (character === '}' || character === ']'))
    return `There is a comma before '${character}'.`;
  if (/["}\]0-9el]\s*$/.test(text.slice(0, at)) && character === '"') return 'A comma is missing before this.';
  return `'${character}' is not expected here.`;
}
