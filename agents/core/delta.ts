import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import type { Position } from "../../src/model/position.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import { ok, refuse } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import type { RouteRefusal } from "../../src/model/report.ts";
import { toldHashes } from "./holding.ts";
import type { DigestOf, Holding, StoredRouteSet } from "./holding.ts";

/** What the planner says about the agent's own fallback for one cluster. */
export interface FallbackRuling {
  readonly lostCluster: ClusterId;
  readonly outcome: "adopted" | "reversed";
}

/** A plan delta as it came, translated. */
export interface Offer {
  readonly position: Position;
  /** Digest over everything the cluster shall hold after this delta, lower-case hex. */
  readonly digest: string;
  /** `held`: changes to what the agent holds. `nothing`: complete. */
  readonly base: "held" | "nothing";
  readonly changed: readonly StoredRouteSet[];
  /** Route sets of the delta that do not hold by themselves, one per service. */
  readonly unsound: readonly RouteRefusal[];
  /** Services that the cluster shall no longer route. */
  readonly removed: readonly ServiceId[];
  readonly rulings: readonly FallbackRuling[];
}

/** Why a delta gives no plan. `resync`: what it builds on is not what the agent holds; ask for everything. */
export type DeltaProblem =
  | { readonly kind: "resync"; readonly detail: string }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * Applies a delta to what is held. The result adds up to the planner's digest exactly, or there is no result: a delta
 * on another base asks for everything, and a complete one that does not add up is refused HASH_MISMATCH.
 * Services that come as unsound keep what they have and are remembered as refused.
 */
export function assemble(held: Holding | undefined, offer: Offer, digestOf: DigestOf): Result<Holding, DeltaProblem> {
  const twice = namedTwice(offer);
  if (twice !== undefined) return refuse({ kind: "refused", refusal: twice });
  const next = combine(held, offer);
  const digest = digestOf(toldHashes(next));
  if (digest === offer.digest) return ok(next);
  const detail = `${next.routeSets.size} route sets add up to ${digest.slice(0, 12)}, announced was ${offer.digest.slice(0, 12)}`;
  if (offer.base === "held") return refuse({ kind: "resync", detail });
  return refuse({
    kind: "refused",
    refusal: { code: "HASH_MISMATCH", field: "digest", message: `${detail}; nothing of it is used` },
  });
}

function combine(held: Holding | undefined, offer: Offer): Holding {
  const routeSets = new Map(held?.routeSets);
  const refused = new Map(held?.refused);
  const forget = (service: ServiceId): void => {
    routeSets.delete(service);
    refused.delete(service);
  };
  if (offer.base === "nothing") {
    const named = new Set([...offer.changed.map(serviceOf), ...offer.unsound.map(({ service }) => service)]);
    [...told(held)].filter((service) => !named.has(service)).forEach(forget);
  }
  offer.removed.forEach(forget);
  for (const entry of offer.changed) {
    routeSets.set(serviceOf(entry), entry);
    refused.delete(serviceOf(entry));
  }
  for (const refusal of offer.unsound) refused.set(refusal.service, refusal);
  return { position: offer.position, routeSets, refused };
}

function told(held: Holding | undefined): Iterable<ServiceId> {
  return held === undefined ? [] : toldHashes(held).keys();
}

function serviceOf({ routeSet }: StoredRouteSet): ServiceId {
  return routeSet.service;
}

function namedTwice({ changed, unsound, removed }: Offer): Refusal | undefined {
  // The one change of a small delta stands alone.
  if (changed.length + unsound.length + removed.length < 2) return undefined;
  const seen = new Set<ServiceId>();
  for (const service of [...changed.map(serviceOf), ...unsound.map(({ service }) => service), ...removed]) {
    if (seen.has(service))
      return { code: "SCHEMA_INVALID", field: "route_sets", message: `the delta names ${service} more than once` };
    seen.add(service);
  }
  return undefined;
}

/** Services that `next` lacks although `held` routes them and the delta does not name them as removed. */
export function unnamedRemovals(held: Holding, next: Holding, removed: readonly ServiceId[]): readonly ServiceId[] {
  const gone = held.routeSets
    .keys()
    .filter((service) => !next.routeSets.has(service))
    .toArray();
  if (gone.length === 0) return gone;
  const named = new Set(removed);
  return gone.filter((service) => !named.has(service));
}
