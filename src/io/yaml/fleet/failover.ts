import { DEFAULT_HEALTHY_MIN } from "../../../model/fleet-document.ts";
import type { Failover, Tier } from "../../../model/fleet-document.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Fault, Fields } from "../fields.ts";
import { labelsOf } from "./clusters.ts";
import { SHARE_OF_ONE } from "./measures.ts";

/** What is wrong with a cluster's name; undefined: nothing. */
type JudgeName = (text: string) => Fault | undefined;

/** A service's failover orders; undefined: none. */
export function failoverOf(fields: Fields | undefined, judge: JudgeName): Failover | undefined {
  if (fields === undefined) return undefined;
  const order = tiersOf(fields, "order", judge);
  const single = fields.optionalFields("orderBySource");
  const orders = single?.keys().map((source) => {
    const fault = judge(source);
    if (fault !== undefined) single.refuse(fault.code, source, fault.why);
    return [source, tiersOf(single, source, judge)] as const;
  });
  const healthyMin = fields.optionalMeasure("healthyMin", SHARE_OF_ONE) ?? DEFAULT_HEALTHY_MIN;
  if (healthyMin === 0)
    fields.refuse("FIELD_INVALID", "healthyMin", "is 0, which calls everything healthy; write 1% or more");
  if (fields.kindOf("order") === undefined && (orders ?? []).length === 0)
    fields.refuse("FIELD_REQUIRED", "order", "is required, or orderBySource; or leave failover out");
  fields.done();
  return { order, orderBySource: Object.fromEntries(orders ?? []) as Failover["orderBySource"], healthyMin };
}

/** Reads tiers: `- eu-west`, `- { labels: { region: eu } }`, `- { own: cluster }`, each once. */
function tiersOf(fields: Fields, key: string, judge: JudgeName): readonly Tier[] {
  const isGiven = fields.kindOf(key) !== undefined;
  const tiers = fields
    .textsOrFields(key, judge)
    .map((item): Tier => (typeof item === "string" ? { kind: "cluster", cluster: item as ClusterId } : tierOf(item)));
  if (isGiven && tiers.length === 0) fields.refuse("EMPTY_SELECTOR", key, "has no tier; leave it out to mean no order");
  const texts = tiers.map((tier) => JSON.stringify(tier));
  const twice = texts.findIndex((text, index) => texts.indexOf(text) < index);
  if (twice >= 0) fields.refuse("DUPLICATE_KEY", key, `has its tier ${twice + 1} a second time`);
  return tiers;
}

const OWN: Readonly<Record<string, Tier>> = { cluster: { kind: "own" } };

function tierOf(fields: Fields): Tier {
  const own = fields.optionalChoice("own", OWN);
  const labels = labelsOf(fields, "labels");
  if (own === undefined && Object.keys(labels).length === 0)
    fields.refuse("EMPTY_SELECTOR", "", "is no tier; write a cluster's name, labels, or own: cluster");
  if (own !== undefined && Object.keys(labels).length > 0)
    fields.refuse("FIELD_INVALID", "own", "is a tier of its own; leave labels out");
  fields.done();
  return own ?? { kind: "labels", labels };
}

/** Failover orders as a file has them. */
export function plainFailover({ order, orderBySource, healthyMin }: Failover): Readonly<Record<string, unknown>> {
  const orders = Object.entries(orderBySource).map(([source, tiers]) => [source, tiers.map(plainTier)] as const);
  return {
    ...(order.length === 0 ? {} : { order: order.map(plainTier) }),
    ...(orders.length === 0 ? {} : { orderBySource: Object.fromEntries(orders) }),
    ...(healthyMin === DEFAULT_HEALTHY_MIN ? {} : { healthyMin }),
  };
}

function plainTier(tier: Tier): unknown {
  if (tier.kind === "cluster") return tier.cluster;
  return tier.kind === "own" ? { own: "cluster" } : { labels: tier.labels };
}
