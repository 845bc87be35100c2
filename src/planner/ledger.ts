import type { DestinationKey } from "../model/destination.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Flow, Manner, Pair, Placement, Problem, Source } from "./allocate.ts";

/** Basis points below this are noise of floating point. */
const NOISE_WEIGHT = 1e-7;

/** The books of one allocation: what is placed, what is left, and what room there is. Lives for one call. */
export class Ledger {
  /** Factor by which a version's thresholds are raised so that its whole demand fits; versions with room are missing. */
  readonly overload: ReadonlyMap<Version, number>;
  readonly #utilisationMax: number;
  readonly #demands: ReadonlyMap<ClusterId, number>;
  readonly #loads = new Map<DestinationKey, number>();
  readonly #held = new Map<ClusterId, Map<DestinationKey, number>>();
  readonly #rests = new Map<Flow, number>();
  readonly #placements: Placement[] = [];

  constructor(problem: Problem) {
    this.overload = overloadOf(problem);
    this.#utilisationMax = problem.utilisationMax;
    this.#demands = new Map(problem.sources.map(({ cluster, demandRps }) => [cluster, demandRps]));
    for (const source of problem.sources.toSorted((a, b) => compareNames(a.cluster, b.cluster))) this.#keep(source);
  }

  #keep({ cluster, kept }: Source): void {
    for (const key of [...kept.keys()].toSorted(compareNames)) this.#book(cluster, key, kept.get(key) ?? 0);
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

  /** Basis points of the flow's source that the destination takes before its threshold. */
  room({ flow, offer }: Pair): number {
    if (offer.capacityRps === undefined) return WEIGHT_TOTAL;
    const factor = this.overload.get(offer.destination.version) ?? 1;
    const roomRps = offer.capacityRps * this.#utilisationMax * factor - (this.#loads.get(offer.key) ?? 0);
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
  place({ flow, offer }: Pair, { weight, manner }: { readonly weight: number; readonly manner: Manner }): void {
    const placed = Math.min(weight, this.rest(flow));
    if (placed < NOISE_WEIGHT) return;
    this.#book(flow.source, offer.key, placed);
    this.#rests.set(flow, this.rest(flow) - placed);
    this.#placements.push({ flow, destination: offer.destination, weight: placed, manner });
  }

  /** Everything placed so far, in the order of placing. */
  placements(): readonly Placement[] {
    return this.#placements;
  }
}

function overloadOf(problem: Problem): ReadonlyMap<Version, number> {
  const versions = new Set(
    problem.sources.flatMap(({ offers }) => offers.map(({ destination }) => destination.version)),
  );
  const factors = [...versions]
    .toSorted(compareNames)
    .map((version) => [version, demandFor(version, problem) / takenBy(version, problem)] as const);
  return new Map(factors.filter(([, factor]) => factor > 1 && Number.isFinite(factor)));
}

/** What the version's destinations take up to their thresholds, in rps; infinite where one's capacity is not known. */
function takenBy(version: Version, { sources, utilisationMax }: Problem): number {
  const capacities = new Map<DestinationKey, number>();
  for (const { demandRps, offers } of sources) {
    if (demandRps === 0) continue;
    for (const offer of offers) {
      if (offer.destination.version !== version || offer.isDraining) continue;
      capacities.set(offer.key, (offer.capacityRps ?? Infinity) * utilisationMax);
    }
  }
  return sumInOrder(capacities);
}

function demandFor(version: Version, { sources, flows }: Problem): number {
  const demands = new Map<ClusterId, number>();
  for (const { cluster, demandRps, offers, kept } of sources) {
    const held = offers
      .filter((offer) => offer.destination.version === version && !offer.isDraining)
      .reduce((sum, offer) => sum + (kept.get(offer.key) ?? 0), 0);
    const moving = flows
      .filter((flow) => flow.source === cluster && flow.version === version)
      .reduce((sum, { weight }) => sum + weight, 0);
    demands.set(cluster, ((held + moving) / WEIGHT_TOTAL) * demandRps);
  }
  return sumInOrder(demands);
}

/** Sums by name, so that the last bit of the sum does not depend on the order of insertion. */
function sumInOrder(amounts: ReadonlyMap<string, number>): number {
  return [...amounts.keys()].toSorted(compareNames).reduce((sum, name) => sum + (amounts.get(name) ?? 0), 0);
}
