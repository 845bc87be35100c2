import type { Failover, Tier } from "../model/fleet-document.ts";
import { HEALTHY_RETURN_MARGIN } from "../model/fleet-document.ts";
import type { ClusterId } from "../model/ids.ts";
import { missingAmong } from "./label-rules.ts";
import type { LabelOf } from "./label-rules.ts";

/** A source's order of tiers; undefined: it has none, and nothing is before anything else. */
export function orderOf({ order, orderBySource }: Failover, source: ClusterId): readonly Tier[] | undefined {
  const found = Object.hasOwn(orderBySource, source) ? (orderBySource[source] ?? order) : order;
  return found.length === 0 ? undefined : found;
}

/** A cluster beside the source that would send to it. */
export interface Candidate {
  readonly source: ClusterId;
  readonly cluster: ClusterId;
  readonly labelOf: LabelOf;
}

/** Position of the first tier that a cluster is on; undefined: it is on none. */
export function tierOf(order: readonly Tier[], candidate: Candidate): number | undefined {
  const at = order.findIndex((tier) => isOn(tier, candidate));
  return at < 0 ? undefined : at;
}

function isOn(tier: Tier, { source, cluster, labelOf }: Candidate): boolean {
  if (tier.kind === "own") return cluster === source;
  if (tier.kind === "cluster") return cluster === tier.cluster;
  return missingAmong(labelOf, tier.labels).length === 0;
}

/** A tier in words: `eu-west`, `region=eu`, `its own cluster`. */
export function tierText(tier: Tier): string {
  if (tier.kind === "own") return "its own cluster";
  if (tier.kind === "cluster") return tier.cluster;
  const labels = Object.entries(tier.labels).map(([name, value]) => `${name}=${value}`);
  return labels.join(",");
}

/** A destination of one version on a tier, as health is reckoned. */
export interface TierMember {
  readonly tier: number;
  /** Share of its endpoints that are ready, 0 to 1; 0 when it is lost. */
  readonly readyShare: number;
  /** Undefined: nobody knows. */
  readonly capacityRps?: number | undefined;
  /** Whether the source sends it anything now. */
  readonly isUsed: boolean;
}

/** Where a tier stands for one source and version. */
export interface TierStanding {
  /** Its turn, from 0: healthy tiers first, then the others, each in their order. */
  readonly rank: number;
  /** Healthy share of its endpoints, 0 to 1; 0 when it has none. */
  readonly healthyShare: number;
}

/** The standing of each tier of an order. A tier without members has its turn, and nobody to take it. */
export function standingsOf(
  members: readonly TierMember[],
  { tiers, healthyMin }: { readonly tiers: number; readonly healthyMin: number },
): readonly TierStanding[] {
  return Array.from({ length: tiers }, (_, tier) => {
    const its = members.filter((member) => member.tier === tier);
    const healthyShare = healthyShareOf(its);
    // What the source left has to show more than what it still has, or it would go to and fro.
    const isLeft = members.some(({ isUsed }) => isUsed) && its.every(({ isUsed }) => !isUsed);
    const least = isLeft ? Math.min(1, healthyMin + HEALTHY_RETURN_MARGIN) : healthyMin;
    return { rank: healthyShare >= least - ROUNDING ? tier : tier + tiers, healthyShare };
  });
}

/** Shares are quotients of whole numbers. */
const ROUNDING = 1e-9;

function healthyShareOf(members: readonly TierMember[]): number {
  const isKnown = members.every(({ capacityRps }) => capacityRps !== undefined && Number.isFinite(capacityRps));
  const sizeOf = ({ capacityRps }: TierMember): number => (isKnown ? (capacityRps ?? 0) : 1);
  const whole = members.reduce((sum, member) => sum + sizeOf(member), 0);
  if (whole === 0) return 0;
  return members.reduce((sum, member) => sum + sizeOf(member) * member.readyShare, 0) / whole;
}
