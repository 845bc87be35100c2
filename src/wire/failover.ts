import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Failover as FailoverMessage,
  FailoverSchema,
  FailoverTier,
  FailoverTierSchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import { DEFAULT_HEALTHY_MIN } from "../model/fleet-document.ts";
import type { Failover, Tier } from "../model/fleet-document.ts";
import type { ClusterId } from "../model/ids.ts";
import { unreachable } from "../model/result.ts";
import type { Checks } from "./checks.ts";
import { labelsOf } from "./cluster.ts";
import { sortedFields } from "./cluster-view.ts";
import { repeated } from "./split.ts";

/** More tiers than one order has. */
const TIERS_MAX = 256;

/** Reads failover orders. Refuses FIELD_REQUIRED, EMPTY_SELECTOR, DUPLICATE_KEY, BAD_NAME, WEIGHT_TYPE. */
export function failoverOf(checks: Checks, field: string, message: FailoverMessage): Failover {
  const { order, orderBySource, healthyMinWeight } = message;
  const sources = Object.entries(sortedFields(orderBySource));
  if (order.length === 0 && sources.length === 0)
    checks.refuse("FIELD_REQUIRED", field, "has no order; set order or order_by_source, or leave failover out");
  const single = sources.map(([source, { tiers }]) => {
    const at = `${field}.order_by_source[${source.slice(0, 63)}]`;
    if (tiers.length === 0)
      checks.refuse("EMPTY_SELECTOR", at, "has no tier; leave the source out to mean the common order");
    return [checks.label<ClusterId>(`${field}.order_by_source key`, source), tiersOf(checks, at, tiers)] as const;
  });
  const defaultWeight = Math.round(DEFAULT_HEALTHY_MIN * WEIGHT_TOTAL);
  return {
    order: tiersOf(checks, `${field}.order`, order),
    orderBySource: Object.fromEntries(single) as Failover["orderBySource"],
    healthyMin: checks.weight(`${field}.healthy_min_weight`, healthyMinWeight || defaultWeight, 1) / WEIGHT_TOTAL,
  };
}

function tiersOf(checks: Checks, field: string, messages: readonly FailoverTier[]): readonly Tier[] {
  if (messages.length > TIERS_MAX) {
    checks.refuse("FIELD_INVALID", field, `has ${messages.length} tiers; at most ${TIERS_MAX} are allowed`);
    return [];
  }
  const tiers = messages.map((message, index) => tierOf(checks, `${field}[${index}]`, message));
  const twice = repeated(tiers.map((tier) => JSON.stringify(tier)));
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", field, `has the tier ${twice} more than once`);
  return tiers;
}

function tierOf(checks: Checks, field: string, { tier }: FailoverTier): Tier {
  switch (tier.case) {
    case "cluster":
      return { kind: "cluster", cluster: checks.label<ClusterId>(`${field}.cluster`, tier.value) };
    case "labels": {
      const { labels } = tier.value;
      const at = `${field}.labels`;
      if (Object.keys(labels).length === 0)
        checks.refuse("EMPTY_SELECTOR", at, "names no label; it would mean every cluster");
      return { kind: "labels", labels: sortedFields(labelsOf(checks, at, labels)) };
    }
    case "own":
      return { kind: "own" };
    case undefined:
      checks.refuse("FIELD_REQUIRED", field, "is no tier; set cluster, labels or own");
      return { kind: "own" };
    default:
      return unreachable(tier);
  }
}

/** Failover orders in the wire's form, nothing left to a default. */
export function toFailover({ order, orderBySource, healthyMin }: Failover): MessageInitShape<typeof FailoverSchema> {
  const orders = Object.entries(sortedFields(orderBySource)).map(
    ([source, tiers]) => [source, { tiers: tiers.map(toTier) }] as const,
  );
  return {
    order: order.map(toTier),
    orderBySource: Object.fromEntries(orders),
    healthyMinWeight: Math.round(healthyMin * WEIGHT_TOTAL),
  };
}

function toTier(tier: Tier): MessageInitShape<typeof FailoverTierSchema> {
  if (tier.kind === "own") return { tier: { case: "own", value: {} } };
  if (tier.kind === "cluster") return { tier: { case: "cluster", value: tier.cluster } };
  return { tier: { case: "labels", value: { labels: sortedFields(tier.labels) } } };
}
