/** The known key that is most alike as the end of a message, or that there is none. */
export function suggestion(key: string, known: readonly string[]): string {
  const last = (text: string): string => text.split(".").at(-1) ?? text;
  const ranked = known
    .map((other) => ({ other, far: Math.min(distance(key, other), distance(last(key), last(other)) + 1) }))
    .toSorted((a, b) => a.far - b.far);
  const [best] = ranked;
  return best !== undefined && best.far <= 3 ? `; did you mean ${best.other}?` : "; remove it, or see --help";
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split("").entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
