import { uniformSizes } from "./release.ts";
import type { Division, Subject } from "./subject.ts";
import { rankAt } from "./turns.ts";

/** Share of a capacity up to which Waterfall fills a destination. */
const WATERFALL_FILL = 0.8;

interface Pair {
  readonly from: number;
  readonly to: number;
  /** Round trip, and what the policy adds for leaving the source's locality. */
  readonly farMs: number;
  readonly rank: number;
}

/** Locality failover: what lives at home stays there, anything else goes whole to the nearest that lives. */
export function localityFailover(subject: Subject): Division {
  return fill(subject, () => Infinity);
}

/**
 * Waterfall (Meta's and Google's "fill the nearest, spill to the next"): pairs by round trip, each destination up to 80 % of
 * its capacity. What finds no room spreads in proportion to capacity.
 */
export function waterfall(subject: Subject): Division {
  return fill(subject, (capacityRps) => WATERFALL_FILL * capacityRps);
}

/** Fills destinations up to a mark, earlier turns of failover orders first, then the nearest pairs. Each source sends each version its share of the release. */
function fill(subject: Subject, markOf: (capacityRps: number) => number): Division {
  const { destinations, versions } = subject;
  const sizes = uniformSizes(subject).map((row) => [...row]);
  const room = destinations.map(({ capacityRps }) => markOf(capacityRps));
  const division = subject.sources.map(() => destinations.map(() => 0));
  const place = ({ from, to }: Pair, wantedRps: number): void => {
    const [left, row] = [sizes[from], division[from]];
    const at = versions.indexOf(destinations[to]?.version ?? versions[0] ?? ("" as never));
    if (left === undefined || row === undefined) return;
    const part = Math.min(wantedRps, left[at] ?? 0);
    left[at] = (left[at] ?? 0) - part;
    row[to] = (row[to] ?? 0) + part;
    room[to] = (room[to] ?? 0) - part;
  };
  const pairs = openPairs(subject);
  for (const pair of pairs) place(pair, Math.max(0, room[pair.to] ?? 0));
  spread(subject, { pairs, sizes, place });
  return division;
}

function openPairs(subject: Subject): readonly Pair[] {
  const { sources, destinations, ways, exclusions } = subject;
  const farMs = (from: number, to: number): number => {
    const way = ways[from]?.[to];
    return way === undefined ? Infinity : way.rttMs + way.crossingMs;
  };
  const pairs = sources.flatMap((_, from) =>
    destinations.flatMap((__, to) =>
      exclusions[from]?.[to] === undefined
        ? [{ from, to, farMs: farMs(from, to), rank: rankAt(subject, from, to) }]
        : [],
    ),
  );
  // Sources and destinations are sorted by name: equal ways keep that order.
  return pairs.toSorted((a, b) => a.rank - b.rank || a.farMs - b.farMs || a.from - b.from || a.to - b.to);
}

interface Rest {
  readonly pairs: readonly Pair[];
  /** What of each version each source still has to place. */
  readonly sizes: readonly (readonly number[])[];
  readonly place: (pair: Pair, wantedRps: number) => void;
}

function spread({ destinations, versions }: Subject, { pairs, sizes, place }: Rest): void {
  const rests = sizes.map((row) => [...row]);
  const weightOf = (to: number): number => {
    const capacityRps = destinations[to]?.capacityRps ?? 0;
    return Number.isFinite(capacityRps) ? capacityRps : 1;
  };
  for (const pair of pairs) {
    const version = destinations[pair.to]?.version;
    const rest = rests[pair.from]?.[versions.findIndex((name) => name === version)] ?? 0;
    if (rest <= 0) continue;
    const peers = pairs.filter(({ from, to }) => from === pair.from && destinations[to]?.version === version);
    const total = peers.reduce((sum, { to }) => sum + weightOf(to), 0);
    place(pair, total > 0 ? (rest * weightOf(pair.to)) / total : rest / peers.length);
  }
}
