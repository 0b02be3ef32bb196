/** The lines by which two texts differ. */

export interface DiffLine {
  mark: ' ' | '+' | '-';
  text: string;
}

/** Both texts may have this many lines; longer ones are shown as removed and added. */
const MOST = 2000;

export function diff(before: string, after: string): DiffLine[] {
  const [old, fresh] = [before.split('\n'), after.split('\n')];
  if (old.length > MOST || fresh.length > MOST) {
    return [
      ...old.map((text): DiffLine => ({ mark: '-', text })),
      ...fresh.map((text): DiffLine => ({ mark: '+', text })),
    ];
  }
  // common[i][j]: how many lines old[i..] and fresh[j..] have in common
  const width = fresh.length + 1;
  const common = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      common[i * width + j] =
        old[i] === fresh[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      lines.push({ mark: ' ', text: old[i++]! });
      j++;
    } else if (j >= fresh.length || (i < old.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)) {
      lines.push({ mark: '-', text: old[i++]! });
    } else {
      lines.push({ mark: '+', text: fresh[j++]! });
    }
  }
  return lines;
}
