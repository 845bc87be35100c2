import type { DestinationKey } from "../model/destination.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Flow, Placement, Problem, Source } from "./allocate.ts";
import { limitOf } from "./limits.ts";
import type { Filling } from "./limits.ts";
import type { Pair } from "./rounds.ts";

/** Basis points below this are noise of floating point. */
const NOISE_WEIGHT = 1e-7;

/** How much to place, and how it came there. */
type Placing = Pick<Placement, "weight" | "manner" | "weighed">;

/** The books of one allocation: what is placed, what is left, and what room there is. Lives for one call. */
export class Ledger {
  /** Factor by which a version's thresholds are raised so that its whole demand fits; versions with room are missing. */
  readonly overload: ReadonlyMap<Version, number>;
  readonly #filling: Filling;
  readonly #demands: ReadonlyMap<ClusterId, number>;
  readonly #loads = new Map<DestinationKey, number>();
  readonly #held = new Map<ClusterId, Map<DestinationKey, number>>();
  readonly #rests = new Map<Flow, number>();
  readonly #placements: Placement[] = [];

  constructor(problem: Problem) {
    this.overload = overloadOf(problem);
    this.#filling = problem;
    this.#demands = new Map(problem.sources.map(({ cluster, demandRps }) => [cluster, demandRps]));
    for (const source of byName(problem.sources)) this.#keep(source);
  }

  #keep({ cluster, kept }: Source): void {
    const keys = kept.size > 1 ? [...kept.keys()].toSorted(compareNames) : kept.keys();
    for (const key of keys) this.#book(cluster, key, kept.get(key) ?? 0);
  }

  #book(source: ClusterId, key: DestinationKey, weight: number): void {
    const held = this.#held.get(source) ?? new Map<DestinationKey, number>();
    held.set(key, (held.get(key) ?? 0) + weight);
    this.#held.set(source, held);
    this.#loads.set(key, (this.#loads.get(key) ?? 0) + (weight / WEIGHT_TOTAL) * this.#demandOf(source));
  }

  #demandOf(source: ClusterId): number {
    return this.#demands.get(source) ?? 0;
  }

  /** What of a flow has no place yet, in basis points. */
  rest(flow: Flow): number {
    const rest = this.#rests.get(flow) ?? flow.weight;
    return rest < NOISE_WEIGHT ? 0 : rest;
  }

  /** Requests per second that a destination has by now. */
  load(key: DestinationKey): number {
    return this.#loads.get(key) ?? 0;
  }

  /** Basis points of the flow's source that the destination takes before its threshold. */
  room({ flow, offer }: Pair): number {
    if (offer.capacityRps === undefined) return WEIGHT_TOTAL;
    const factor = this.overload.get(offer.destination.version) ?? 1;
    const roomRps = limitOf(offer, this.#filling) * factor - (this.#loads.get(offer.key) ?? 0);
    const demandRps = this.#demandOf(flow.source);
    // Nobody knows that the source sends anything: what it does send belongs to the nearest that serves at all.
    if (demandRps === 0) return offer.capacityRps > 0 ? WEIGHT_TOTAL : 0;
    return Math.max(0, (roomRps / demandRps) * WEIGHT_TOTAL);
  }

  /** Basis points by which the source may still raise the destination below its ceiling. */
  underCeiling({ flow, offer }: Pair): number {
    const left = offer.ceilingWeight - (this.#held.get(flow.source)?.get(offer.key) ?? 0);
    return left < NOISE_WEIGHT ? 0 : left;
  }

  /** Places at most `weight` of what is left of the pair's flow. */
  place({ flow, offer }: Pair, { weight, ...how }: Placing): void {
    const placed = Math.min(weight, this.rest(flow));
    if (placed < NOISE_WEIGHT) return;
    this.#book(flow.source, offer.key, placed);
    this.#rests.set(flow, this.rest(flow) - placed);
    this.#placements.push({ flow, destination: offer.destination, weight: placed, ...how });
  }

  /** Everything placed so far, in the order of placing. */
  placements(): readonly Placement[] {
    return this.#placements;
  }
}

/** Sources in the order of their names, which they mostly have. */
function byName(sources: readonly Source[]): readonly Source[] {
  const isSorted = sources.every(({ cluster }, index) => cluster >= (sources[index - 1]?.cluster ?? ""));
  return isSorted ? sources : sources.toSorted((a, b) => compareNames(a.cluster, b.cluster));
}

/** Demand of each version against what its destinations take up to their thresholds. */
function overloadOf(problem: Problem): ReadonlyMap<Version, number> {
  const rooms = roomsOf(problem);
  const demands = demandsOf(problem, rooms);
  const factors = [...Map.groupBy(rooms.values(), ({ version }) => version)].map(([version, found]) => {
    const roomRps = found.reduce((sum, room) => sum + room.roomRps, 0);
    return [version, (demands.get(version) ?? 0) / roomRps] as const;
  });
  return new Map(factors.filter(([, factor]) => factor > 1 && Number.isFinite(factor)));
}

interface Room {
  readonly version: Version;
  /** Infinite where the capacity is not known. */
  readonly roomRps: number;
}

/** Every destination that somebody who sends anything could use, by name: sums must not depend on any order. */
function roomsOf({ sources, ...filling }: Problem): ReadonlyMap<DestinationKey, Room> {
  const rooms = new Map<DestinationKey, Room>();
  for (const { demandRps, offers } of sources) {
    if (demandRps === 0) continue;
    for (const offer of offers)
      if (!offer.isDraining && !rooms.has(offer.key))
        rooms.set(offer.key, { version: offer.destination.version, roomRps: limitOf(offer, filling) });
  }
  return new Map([...rooms].toSorted(([a], [b]) => compareNames(a, b)));
}

function demandsOf(
  { sources, flows }: Problem,
  rooms: ReadonlyMap<DestinationKey, Room>,
): ReadonlyMap<Version, number> {
  const demands = new Map<Version, number>();
  const moving = Map.groupBy(flows, ({ source }) => source);
  const add = (version: Version, rps: number) => demands.set(version, (demands.get(version) ?? 0) + rps);
  for (const { cluster, demandRps, kept } of byName(sources)) {
    // A source that sends nothing asks for nothing.
    if (demandRps === 0) continue;
    for (const { version, weight } of (moving.get(cluster) ?? []).toSorted((a, b) =>
      compareNames(a.version, b.version),
    ))
      add(version, (weight / WEIGHT_TOTAL) * demandRps);
    for (const [key, weight] of [...kept].toSorted(([a], [b]) => compareNames(a, b))) {
      const room = rooms.get(key);
      if (room !== undefined) add(room.version, (weight / WEIGHT_TOTAL) * demandRps);
    }
  }
  return demands;
}
