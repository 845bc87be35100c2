/** What both sides measured, one entry for each round. */
export interface Rounds<T> {
  readonly ours: readonly T[];
  readonly rivals: readonly T[];
}

/** The two sides of a comparison. Each measures one round. */
export interface Sides<T> {
  readonly ours: () => Promise<T>;
  readonly rivals: () => Promise<T>;
}

/**
 * Measures both sides in turn, so that whatever else the machine does meets both alike. Who begins changes with every
 * round. The first `warmUp` rounds are thrown away.
 */
export async function interleave<T>(
  { ours, rivals }: Sides<T>,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
): Promise<Rounds<T>> {
  const measured = { ours: new Array<T>(), rivals: new Array<T>() };
  for (let round = 0; round < warmUp + rounds; round += 1) {
    const first = round % 2 === 0 ? ours : rivals;
    // One after the other: a round that overlaps another measures both.
    const a = await first();
    const b = await (first === ours ? rivals : ours)();
    if (round < warmUp) continue;
    measured.ours.push(first === ours ? a : b);
    measured.rivals.push(first === ours ? b : a);
  }
  return measured;
}
