import type { LoadCurve } from "../../../src/model/fleet-document.ts";
import type { Place, TransportProblem } from "../../../src/planner/optimise/problem.ts";

/** A scenario with one service and the mean per request that its optimum is known to have. */
export interface Scenario {
  readonly name: string;
  readonly problem: TransportProblem;
  /** Mean latency of the optimum, ms, found by a Frank-Wolfe solver of its own. */
  readonly latencyMs: number;
}

/** Round trip inside a cluster, ms. */
const LOCAL_MS = 0.5;

/** Utilisation up to which places are used. */
const MOST_USED = 0.98;

/** A full matrix of round trips from the lines of its upper triangle. */
function roundTrips(triangle: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const size = triangle.length + 1;
  const between = (a: number, b: number) => triangle[Math.min(a, b)]?.[Math.abs(a - b) - 1] ?? 0;
  return Array.from({ length: size }, (_, a) =>
    Array.from({ length: size }, (_, b) => (a === b ? LOCAL_MS : between(a, b))),
  );
}

function polynomial(baseMs: number, coefficient: number, exponent: number): Place {
  return { curve: { kind: "polynomial", baseMs, coefficient, exponent }, limitRps: Infinity, fixedRps: 0 };
}

/** M/G/c place, filled to `MOST_USED` at most. */
export function queue(servers: number, meanWorkMs: number, squaredVariation = 1): Place {
  const curve: LoadCurve = { kind: "queue", servers, meanWorkMs, squaredVariation };
  return { curve, limitRps: (MOST_USED * 1_000 * servers) / meanWorkMs, fixedRps: 0 };
}

function times(count: number, place: Place): readonly Place[] {
  return Array.from({ length: count }, () => place);
}

/** The problem with one place gone. */
function without(problem: TransportProblem, dead: number): TransportProblem {
  return {
    ...problem,
    places: problem.places.filter((_, place) => place !== dead),
    costsMs: problem.costsMs.map((row) => row.filter((_, place) => place !== dead)),
  };
}

function scenario(
  name: string,
  latencyMs: number,
  demandsRps: readonly number[],
  costsMs: readonly (readonly number[])[],
  places: readonly Place[],
): Scenario {
  return { name, latencyMs, problem: { demandsRps, costsMs, places } };
}

const FIVE_REGIONS = roundTrips([[12, 28, 62, 74], [22, 56, 70], [44, 58], [18]]);

function regionDown(): readonly Scenario[] {
  const whole = { demandsRps: [1300, 1300, 1300, 1300, 1300], costsMs: FIVE_REGIONS, places: times(5, queue(40, 20)) };
  const brown = {
    ...whole,
    demandsRps: whole.demandsRps.map(() => 1500),
    places: [queue(24, 20), ...times(4, queue(40, 20))],
  };
  const small = { ...whole, demandsRps: whole.demandsRps.map(() => 110), places: times(5, queue(4, 20, 4)) };
  return [
    { name: "S7 region down", problem: without(whole, 0), latencyMs: 27.6 },
    { name: "S7b brown-out", problem: brown, latencyMs: 22.6 },
    { name: "S7c small pools", problem: without(small, 0), latencyMs: 46.4 },
  ];
}

const SITES = [
  [0, 0],
  [6, 1],
  [9, 6],
  [20, 4],
  [26, 9],
  [40, 2],
  [44, 8],
  [52, 5],
  [60, 0],
  [68, 7],
] as const;

function siteTrips(count: number): readonly (readonly number[])[] {
  const sites = SITES.slice(0, count);
  return sites.map(([x, y], a) => sites.map(([u, v], b) => (a === b ? LOCAL_MS : 2 + 1.4 * Math.hypot(x - u, y - v))));
}

function heterogeneous(): Scenario {
  const places = [100, 60, 40, 20, 16, 12, 10, 8].map((servers, index) => queue(servers, index < 3 ? 12 : 18));
  const capacity = places.reduce((sum, { limitRps }) => sum + limitRps / MOST_USED, 0);
  const demandsRps = places.map(() => (0.68 * capacity) / places.length);
  return scenario("S10 heterogeneous", 34.8, demandsRps, siteTrips(8), places);
}

/** A dollar a GB times these bytes, at 1e-6 dollars for a millisecond of a request. */
function priced(costMs: number, dollarsPerGigabyte: number, bytes: number): number {
  return costMs + (dollarsPerGigabyte * bytes) / 1e9 / 1e-6;
}

/** Latency of the optimum from `latencyMs` and its price of egress, as one objective. */
function withEgress(latencyMs: number, dollarsPerHour: number, requestsPerSecond: number): number {
  return latencyMs + dollarsPerHour / 3_600 / requestsPerSecond / 1e-6;
}

function egress(): Scenario {
  const kind = (a: number, b: number) => (a === b ? 0 : a >> 1 === b >> 1 ? 1 : a >> 2 === b >> 2 ? 2 : 3);
  const all = Array.from({ length: 8 }, (_, index) => index);
  const costsMs = all.map((a) =>
    all.map((b) => priced([0.5, 1.5, 22, 95][kind(a, b)] ?? 0, [0, 0.02, 0.04, 0.1][kind(a, b)] ?? 0, 400_000)),
  );
  const demandsRps = [1850, 600, 1700, 500, 1850, 600, 1700, 500];
  return scenario("S11 egress", withEgress(16.1, 15.3, 9_300), demandsRps, costsMs, times(8, queue(30, 15)));
}

function crossCloud(): Scenario {
  const trips = roundTrips([[3, 12, 30], [30, 14], [4]]);
  const costsMs = trips.map((row, a) =>
    row.map((trip, b) => priced(trip, a === b ? 0 : (a + b) % 2 === 0 ? 0.02 : 0.09, 400_000)),
  );
  const demandsRps = [2600, 800, 900, 1200];
  return scenario("S11b cross-cloud", withEgress(23.1, 23.3, 5_500), demandsRps, costsMs, times(4, queue(40, 20)));
}

/** The scenarios of one service without classes and time. */
export const SCENARIOS: readonly Scenario[] = [
  ...[10, 50, 100].map((trip, index) =>
    scenario(
      `S1 two clusters, ${trip} ms apart`,
      [35.4, 44.3, 50.5][index] ?? 0,
      [400, 100],
      roundTrips([[trip]]),
      times(2, polynomial(27.6, 1.18e-9, 4)),
    ),
  ),
  scenario(
    "S2 which cluster",
    45.8,
    [400, 100, 400, 50],
    roundTrips([[10, 20, 10], [20, 10], [20]]),
    times(4, polynomial(21.3, 3.43e-4, 2)),
  ),
  scenario(
    "S3 order",
    40.7,
    [300, 50, 50, 300],
    roundTrips([[10, 100, 400], [400, 100], [10]]),
    times(4, polynomial(36.3, 1.09e-9, 4)),
  ),
  scenario(
    "S3b contention",
    40.8,
    [3000, 3000, 400, 400],
    roundTrips([[105, 30, 35], [75, 140], [62]]),
    times(4, queue(40, 20)),
  ),
  scenario(
    "S4 cascade",
    30,
    [0, 200, 100, 100],
    roundTrips([[30, 80, 40], [40, 20], [30]]),
    times(4, polynomial(21.3, 3.43e-4, 2)),
  ),
  ...regionDown(),
  scenario(
    "S8 hot spot",
    18.4,
    SITES.map((_, site) => (site === 3 ? 6_000 : 900)),
    siteTrips(10),
    times(10, queue(20, 10)),
  ),
  heterogeneous(),
  egress(),
  crossCloud(),
];
