import { compareNames } from "../../src/model/ids.ts";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import type { Position } from "../../src/model/position.ts";
import type { RouteRefusal } from "../../src/model/report.ts";
import type { Applied, HeldPlan, HeldRouteSet } from "./ports.ts";

/** A route set with the very bytes that its hash is of: what is stored, so that nothing is lost by translating it. */
export interface StoredRouteSet extends HeldRouteSet {
  readonly bytes: Uint8Array;
}

/**
 * Everything an agent holds: what it routes by, and what it was told but refuses. A refused route set leaves the older
 * one of its service in force, and is remembered, so that the next delta still adds up to the planner's digest.
 */
export interface Holding extends HeldPlan {
  readonly routeSets: ReadonlyMap<ServiceId, StoredRouteSet>;
  readonly refused: ReadonlyMap<ServiceId, RouteRefusal>;
}

/** Makes the digest over all hashes, in lower-case hex. Lives in `wire`; the core is handed it. */
export type DigestOf = (hashes: ReadonlyMap<ServiceId, string>) => string;

/** Hash of everything the planner told the agent to hold, refused or not. */
export function toldHashes({ routeSets, refused }: Holding): ReadonlyMap<ServiceId, string> {
  const told = new Map<ServiceId, string>();
  for (const [service, { hash }] of routeSets) told.set(service, hash);
  for (const [service, { hash }] of refused) told.set(service, hash);
  return told;
}

/** Hash of what is in force, per service. */
export function heldHashes({ routeSets }: HeldPlan): ReadonlyMap<ServiceId, string> {
  return new Map([...routeSets].map(([service, { hash }]) => [service, hash]));
}

/** Whether these hashes are those of the plan, no more and no less. */
export function routesBy(hashes: Applied["hashes"], { routeSets }: HeldPlan): boolean {
  if (Object.keys(hashes).length !== routeSets.size) return false;
  for (const [service, { hash }] of routeSets) if (hashes[service] !== hash) return false;
  return true;
}

/** Services of a plan, sorted. */
export function servicesOf(plan: HeldPlan): readonly ServiceId[] {
  return [...plan.routeSets.keys()].toSorted(compareNames);
}

/** Whether any rule of the plan gives the cluster weight. */
export function weighs(plan: HeldPlan, cluster: ClusterId): boolean {
  for (const { routeSet } of plan.routeSets.values()) if (routeWeighs(routeSet, cluster)) return true;
  return false;
}

/** Whether any rule of one route set gives the cluster weight. */
export function routeWeighs({ rules }: RouteSet, cluster: ClusterId): boolean {
  for (const { routes } of rules)
    for (const { destination, weight } of routes) if (weight > 0 && destination.cluster === cluster) return true;
  return false;
}

/**
 * What is in force when the mesh refused some route sets of `wanted`: the ones it had before (`previous`), so that a
 * restart does not try the refused ones on an empty mesh. A service that had none before goes without.
 */
export function withRefused(
  wanted: Holding,
  { refusals, previous }: { readonly refusals: readonly RouteRefusal[]; readonly previous: HeldPlan | undefined },
): Holding {
  const routeSets = new Map(wanted.routeSets);
  const refused = new Map(wanted.refused);
  for (const refusal of refusals) {
    const before = previous?.routeSets.get(refusal.service) as StoredRouteSet | undefined;
    if (before === undefined) routeSets.delete(refusal.service);
    else routeSets.set(refusal.service, before);
    refused.set(refusal.service, refusal);
  }
  return { position: wanted.position, routeSets, refused };
}

/** Text form of a position for people: generation, epoch, revision. */
export function printPosition({ incarnation, epoch, revision }: Position): string {
  return `${incarnation.generation}/${epoch}/${revision}`;
}
