import type { DocumentService, FleetDocument } from "../../src/model/fleet-document.ts";
import { aFleet, aService } from "./build.ts";
import { seededRandom } from "./seeded-random.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** How large a fleet is, and what its capacities follow. */
export interface RandomFleetOptions {
  readonly seed: number;
  readonly services: number;
  readonly clusters?: number;
  readonly capacities: Capacities;
}

/**
 * - `arbitrary`: pools of any size, demand scaled to a utilisation of all of them together between `low` and `high`.
 * - `sized`: each pool sized for the demand of the clusters that it is nearest to, filled to 65 %, with a log-normal error of
 *   deviation `sigma`: what capacity planning leaves behind.
 */
export type Capacities =
  | { readonly kind: "arbitrary"; readonly low: number; readonly high: number }
  | { readonly kind: "sized"; readonly sigma: number };

/** Centres of four continents on a plane; a unit is about 1.4 ms of round trip. */
const GROUPS = [
  [0, 0],
  [35, 5],
  [70, -4],
  [100, 20],
] as const;

/** Deviation of a cluster's place around its group's centre. */
const SPREAD = 4;

const MS_PER_UNIT = 1.4;
const LAST_MILE_MS = 2;

/** Utilisation that a sized pool was meant for. */
const SIZED_FOR = 0.65;

/** A sized fleet that is fuller than this as a whole is drawn again: no division saves it. */
const FULLEST = 0.85;

interface World {
  readonly names: readonly string[];
  readonly rttMs: readonly (readonly number[])[];
}

/** Services with three to ten destinations each in clusters of four continents, called from half of the clusters. */
export function randomFleet({ seed, services, clusters = 50, capacities }: RandomFleetOptions): FleetDocument {
  const random = seededRandom(seed);
  const world = worldOf(random, clusters);
  return aFleet({
    description: `A random fleet of ${clusters} clusters and ${services} services, capacities ${capacities.kind}.`,
    clusters: world.names,
    rttMs: world.rttMs,
    services: Array.from({ length: services }, (_, index) => {
      const name = `random/service-${String(index).padStart(4, "0")}`;
      return capacities.kind === "arbitrary"
        ? arbitraryService(random, { name, world, capacities })
        : sizedService(random, { name, world, capacities });
    }),
  });
}

function worldOf(random: SeededRandom, clusters: number): World {
  const places = Array.from({ length: clusters }, (_, index) => {
    const [x, y] = GROUPS[index % GROUPS.length] ?? [0, 0];
    return { x: x + SPREAD * random.normal(), y: y + SPREAD * random.normal() };
  });
  return {
    names: places.map((_, index) => `cluster-${String(index).padStart(2, "0")}`),
    rttMs: places.map((a) =>
      places.map((b) => hundredths(LAST_MILE_MS + MS_PER_UNIT * Math.hypot(a.x - b.x, a.y - b.y))),
    ),
  };
}

interface Wanted<K extends Capacities["kind"]> {
  readonly name: string;
  readonly world: World;
  readonly capacities: Extract<Capacities, { readonly kind: K }>;
}

function arbitraryService(random: SeededRandom, { name, world, capacities }: Wanted<"arbitrary">): DocumentService {
  const { homes, weights } = drawOf(random, world);
  const pools = homes.map((home) => ({ home, servers: random.whole(4, 64), ...workOf(random) }));
  const room = pools.reduce((sum, { servers, meanWorkMs }) => sum + (1_000 * servers) / meanWorkMs, 0);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const scale = (room * random.between(capacities.low, capacities.high)) / total;
  return aService({
    name,
    demandRps: namedDemand(world, weights, scale),
    destinations: pools.map(({ home, ...pool }) => ({
      cluster: world.names[home] ?? "",
      curve: { kind: "queue", ...pool },
    })),
  });
}

function sizedService(random: SeededRandom, wanted: Wanted<"sized">): DocumentService {
  const { name, world, capacities } = wanted;
  for (;;) {
    const { homes, weights } = drawOf(random, world);
    const nearest = nearestRps(world, homes, weights);
    const pools = homes.map((home, at) => {
      const work = workOf(random);
      const capacityRps = (nearest[at] ?? 0) / (SIZED_FOR * Math.exp(capacities.sigma * random.normal()));
      // Whole servers: the work is stretched to give exactly the capacity that was drawn.
      const servers = Math.max(2, Math.round((capacityRps * work.meanWorkMs) / 1_000));
      const meanWorkMs = capacityRps === 0 ? work.meanWorkMs : (1_000 * servers) / capacityRps;
      return {
        home,
        room: (1_000 * servers) / meanWorkMs,
        curve: { kind: "queue", servers, ...work, meanWorkMs } as const,
      };
    });
    const room = pools.reduce((sum, pool) => sum + pool.room, 0);
    const total = [...weights.values()].reduce((sum, rps) => sum + rps, 0);
    if (total > FULLEST * room) continue;
    return aService({
      name,
      demandRps: namedDemand(world, weights, 1),
      destinations: pools.map(({ home, curve }) => ({ cluster: world.names[home] ?? "", curve })),
    });
  }
}

interface Draw {
  /** Clusters where the service runs, by index. */
  readonly homes: readonly number[];
  /** Cluster → demand. */
  readonly weights: ReadonlyMap<number, number>;
}

/** A typical source sends 150 rps; one in six more than 400. */
const MEDIAN_SOURCE_RPS = 150;

function drawOf(random: SeededRandom, { names }: World): Draw {
  const all = names.map((_, index) => index);
  const homes = random.some(all, random.whole(3, 10));
  const sources = random.some(all, Math.ceil(all.length / 2));
  return { homes, weights: new Map(sources.map((source) => [source, MEDIAN_SOURCE_RPS * Math.exp(random.normal())])) };
}

function workOf(random: SeededRandom): { readonly meanWorkMs: number; readonly squaredVariation: number } {
  return { meanWorkMs: hundredths(random.between(5, 35)), squaredVariation: hundredths(random.between(1, 4)) };
}

function nearestRps(
  { rttMs }: World,
  homes: readonly number[],
  weights: ReadonlyMap<number, number>,
): readonly number[] {
  const sums = homes.map(() => 0);
  for (const [source, rps] of weights) {
    const distances = homes.map((home) => (home === source ? 0 : (rttMs[source]?.[home] ?? Number.NaN)));
    const at = distances.indexOf(Math.min(...distances));
    sums[at] = (sums[at] ?? 0) + rps;
  }
  return sums;
}

function namedDemand(
  { names }: World,
  weights: ReadonlyMap<number, number>,
  scale: number,
): Readonly<Record<string, number>> {
  return Object.fromEntries([...weights].map(([at, rps]) => [names[at] ?? "", hundredths(rps * scale)]));
}

function hundredths(value: number): number {
  return Math.round(100 * value) / 100;
}
