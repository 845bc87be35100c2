/** Requests that may go to the same places. */
export interface Crowd {
  readonly rps: number;
  /** Indices of the places that may take them. */
  readonly places: readonly number[];
}

interface Merged {
  readonly places: readonly number[];
  left: number;
}

/**
 * How many of the crowds' requests per second the places have room for (maximum flow by augmenting paths, the shortest first:
 * Edmonds and Karp). Crowds with the same places are one, so that mostly there is one.
 */
export function placeable(crowds: readonly Crowd[], roomRps: readonly number[]): number {
  const merged = merge(crowds);
  const demand = merged.reduce((sum, { left }) => sum + left, 0);
  const grain = 1e-12 * demand;
  const room = [...roomRps];
  const amounts = merged.map(() => roomRps.map(() => 0));
  let placed = 0;
  for (let path = findPath({ merged, amounts, room, grain }); path !== undefined;) {
    placed += push(path, { merged, amounts, room, grain });
    path = findPath({ merged, amounts, room, grain });
  }
  return placed;
}

/** Most callers give the same list of places again and again: what a list stands for is looked up once. */
function merge(crowds: readonly Crowd[]): Merged[] {
  const byList = new Map<readonly number[], Merged>();
  const byPlaces = new Map<string, Merged>();
  for (const { rps, places } of crowds) {
    const known = byList.get(places);
    if (known !== undefined) {
      known.left += rps;
      continue;
    }
    const key = places.join(" ");
    const found = byPlaces.get(key) ?? { places, left: 0 };
    found.left += rps;
    byPlaces.set(key, found);
    byList.set(places, found);
  }
  return [...byPlaces.values()];
}

interface Network {
  readonly merged: Merged[];
  /** Crowd → place. */
  readonly amounts: number[][];
  /** What is free of each place. */
  readonly room: number[];
  readonly grain: number;
}

/** A crowd that has some left, and the pairs that its requests push through to a place with room. */
interface Path {
  readonly crowd: number;
  /** Takes more at the place, after what another crowd has there went on to the next step. */
  readonly steps: readonly { readonly crowd: number; readonly place: number }[];
}

function findPath(network: Network): Path | undefined {
  const { merged, amounts, room, grain } = network;
  const cameFrom = room.map(() => -1);
  const reachedBy = merged.map(() => -2);
  const waiting = merged.flatMap(({ left }, crowd) => (left > grain ? [crowd] : []));
  for (const crowd of waiting) reachedBy[crowd] = -1;
  for (const crowd of waiting) {
    for (const place of merged[crowd]?.places ?? []) {
      if (cameFrom[place] !== -1) continue;
      cameFrom[place] = crowd;
      if ((room[place] ?? 0) > grain) return pathTo(place, { cameFrom, reachedBy });
      for (const [other, row] of amounts.entries()) {
        if (reachedBy[other] !== -2 || (row[place] ?? 0) <= grain) continue;
        reachedBy[other] = place;
        waiting.push(other);
      }
    }
  }
  return undefined;
}

interface Search {
  /** The crowd by which a place was reached. */
  readonly cameFrom: readonly number[];
  /** The place at which a crowd was met; -1: it has some left itself. */
  readonly reachedBy: readonly number[];
}

function pathTo(end: number, { cameFrom, reachedBy }: Search): Path {
  const steps: { crowd: number; place: number }[] = [];
  let place = end;
  for (;;) {
    const crowd = cameFrom[place] ?? -1;
    steps.unshift({ crowd, place });
    const before = reachedBy[crowd] ?? -1;
    if (before < 0) return { crowd, steps };
    place = before;
  }
}

/** Pushes as much as the path takes, and says how much that was. */
function push({ crowd, steps }: Path, { merged, amounts, room }: Network): number {
  const end = steps.at(-1)?.place ?? 0;
  // From the second step on, a crowd makes way at the place before, of what it has there.
  const given = steps.slice(1).map((step, index) => amounts[step.crowd]?.[steps[index]?.place ?? 0] ?? 0);
  const part = Math.min(merged[crowd]?.left ?? 0, room[end] ?? 0, ...given);
  for (const [index, step] of steps.entries()) {
    add(amounts, step.crowd, step.place, part);
    const before = steps[index - 1];
    if (before !== undefined) add(amounts, step.crowd, before.place, -part);
  }
  const own = merged[crowd];
  if (own !== undefined) own.left -= part;
  room[end] = (room[end] ?? 0) - part;
  return part;
}

function add(amounts: number[][], crowd: number, place: number, part: number): void {
  const row = amounts[crowd];
  if (row !== undefined) row[place] = (row[place] ?? 0) + part;
}
