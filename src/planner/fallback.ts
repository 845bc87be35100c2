import type { DestinationKey, Split } from "../model/destination.ts";
import { keyOf } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import type { ServiceSpec } from "../model/service.ts";
import type { Allocator, Flow, Placement } from "./allocate.ts";
import { apportion } from "./apportion.ts";
import { boundBy, isOpen } from "./bounds.ts";
import type { Offer } from "./eligible.ts";
import type { SourceOutlook } from "./outlook.ts";
import { policyOf } from "./policy.ts";

/** What fallbacks are made for. */
export interface FallbackProblem {
  readonly spec: ServiceSpec;
  readonly utilisationMax: number;
  readonly allocator: Allocator;
  readonly sources: readonly SourceOutlook[];
  /** What each source sends where once the step is taken. */
  readonly splits: ReadonlyMap<ClusterId, Split>;
}

/**
 * Share of a capacity that fallbacks fill, the nearest first; where that is not room enough, all are filled alike. Nobody is
 * planning in those moments, and filling to the brim whoever is nearest makes queues that a little more distance saves: 0.8 is
 * the threshold at which filling in turn comes nearest to the optimum (planning, section 3, S14).
 */
const FALLBACK_UTILISATION_MAX = 0.8;

/** Per source and destination with weight: how its requests divide when its cluster is lost; empty: nowhere to go. */
export type Fallbacks = ReadonlyMap<ClusterId, ReadonlyMap<DestinationKey, Split>>;

/**
 * Fallbacks for the loss of each single cluster that has weight. Everybody falls back at once on what capacity the
 * others have left, so that following them overloads nobody while there is room at all: the nearest with room, in the
 * same version where it serves anywhere else, only where the policy lets the source go, and in its failover order if it
 * has one. A lost cluster takes all its versions with it. The demand of its own callers counts in full: they may well be
 * alive.
 */
export function fallbacksOf(problem: FallbackProblem): Fallbacks {
  const found = new Map<ClusterId, Map<DestinationKey, Split>>();
  for (const lost of weightedClusters(problem))
    for (const [source, splits] of fallbacksFor(lost, problem)) {
      const its = found.get(source) ?? new Map<DestinationKey, Split>();
      for (const [key, split] of splits) its.set(key, split);
      found.set(source, its);
    }
  return found;
}

function weightedClusters({ splits }: FallbackProblem): readonly ClusterId[] {
  const named = [...splits.values()].flatMap((split) => split.map(({ destination }) => destination.cluster));
  return [...new Set(named)].toSorted(compareNames);
}

function fallbacksFor(lost: ClusterId, problem: FallbackProblem): Fallbacks {
  const { spec, allocator } = problem;
  const utilisationMax = Math.min(problem.utilisationMax, FALLBACK_UTILISATION_MAX);
  const { service, stableVersion } = spec;
  const flows = problem.sources.flatMap(({ cluster }) => lostFlows(cluster, lost, problem));
  const falling = new Set(flows.map(({ source }) => source));
  // Who neither loses nor sends anything takes no room.
  const concerned = problem.sources.filter(({ cluster, demandRps }) => demandRps > 0 || falling.has(cluster));
  const sources = concerned.map((source) => ({
    cluster: source.cluster,
    demandRps: source.demandRps,
    kept: keptBy(source.cluster, lost, problem),
    // Who loses nothing chooses nothing: only what it keeps counts.
    offers: falling.has(source.cluster) ? survivingOffers(source, lost, problem.spec) : [],
  }));
  const { placements } = allocator.allocate({ service, stableVersion, sources, flows, utilisationMax });
  const found = new Map<ClusterId, Map<DestinationKey, Split>>();
  const bySource = Map.groupBy(placements, (placement) => placement.flow.source);
  for (const flow of flows) {
    const splits = found.get(flow.source) ?? new Map<DestinationKey, Split>();
    const placed = (bySource.get(flow.source) ?? []).filter((placement) => placement.flow.version === flow.version);
    splits.set(keyOf({ cluster: lost, version: flow.version }), fallbackOf(placed, service));
    found.set(flow.source, splits);
  }
  return found;
}

/** Bound anew: who stood by may be needed now, fewer have to share what is left, and a failover order moves on. */
export function survivingOffers(
  { cluster, offers }: SourceOutlook,
  lost: ClusterId,
  spec: ServiceSpec,
): readonly Offer[] {
  const left = offers.map((offer): Offer => (offer.destination.cluster === lost ? { ...offer, loss: "dead" } : offer));
  return boundBy(left, { source: cluster, policy: policyOf(spec) }).filter(isOpen);
}

function keptBy(source: ClusterId, lost: ClusterId, { splits }: FallbackProblem): ReadonlyMap<DestinationKey, number> {
  const staying = (splits.get(source) ?? []).filter(({ destination }) => destination.cluster !== lost);
  return new Map(staying.map(({ destination, weight }) => [keyOf(destination), weight]));
}

function lostFlows(source: ClusterId, lost: ClusterId, { splits }: FallbackProblem): readonly Flow[] {
  return (splits.get(source) ?? [])
    .filter(({ destination }) => destination.cluster === lost)
    .map(({ destination, weight }) => ({ source, version: destination.version, weight }));
}

function fallbackOf(placements: readonly Placement[], service: ServiceId): Split {
  if (placements.length === 0) return [];
  return apportion(
    placements.map(({ destination, weight }) => ({ destination, amount: weight })),
    service,
  );
}
