/** The known word that a misspelt one most likely means; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, distance: distanceOf(word.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= limit ? best.candidate : undefined;
}

/** Edits between two words, a swap of neighbours counting as one (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      current.push(cellOf({ a, b, rows, current }, row, column));
    }
    rows.push(current);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

interface Table {
  readonly a: string;
  readonly b: string;
  readonly rows: readonly (readonly number[])[];
  readonly current: readonly number[];
}

function cellOf({ a, b, rows, current }: Table, row: number, column: number): number {
  const at = (r: number, c: number): number => (r === row ? current[c] : rows[r]?.[c]) ?? Infinity;
  const isSame = a[row - 1] === b[column - 1];
  const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
  const edits = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + (isSame ? 0 : 1));
  return isSwap ? Math.min(edits, at(row - 2, column - 2) + 1) : edits;
}
