import type { Route, RouteSet } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { latencyMs } from "../quality/curve.ts";
import { capacityOf } from "./fleet.ts";
import type { Fleet } from "./fleet.ts";

/** What a plan leads to, by the model of planning, section 1. */
export interface Prediction {
  /** Mean over all callers, ms: way, wait and work. `Infinity` when a queue has no end. */
  readonly meanMs: number;
  /** Load of each site, rps. */
  readonly loadRps: Readonly<Record<string, number>>;
}

/**
 * What released plans lead to with the demand that callers really have, all alive or one cluster lost: then each route there
 * gives way to its fallback, as the proxies do it.
 */
export function predict(released: ReadonlyMap<string, RouteSet>, fleet: Fleet, lost?: string): Prediction {
  const flows = fleet.sites.flatMap(({ name, demandRps }) =>
    sharesOf(released.get(name), lost).map(({ site, share }) => ({ source: name, site, rps: demandRps * share })),
  );
  const loads = new Map(fleet.sites.map(({ name }) => [name, 0]));
  for (const { site, rps } of flows) loads.set(site, (loads.get(site) ?? 0) + rps);
  const totalRps = flows.reduce((sum, { rps }) => sum + rps, 0);
  const spent = flows.reduce((sum, { source, site, rps }) => {
    const wayMs = source === site ? 0 : fleet.roundTripMs(source, site);
    return sum + rps * (wayMs + latencyAt(site, loads.get(site) ?? 0, fleet));
  }, 0);
  return { meanMs: spent / totalRps, loadRps: Object.fromEntries(loads) };
}

interface Share {
  readonly site: string;
  /** 0 to 1 of a source's requests. */
  readonly share: number;
}

function sharesOf(released: RouteSet | undefined, lost: string | undefined): readonly Share[] {
  return (released?.rules.at(-1)?.routes ?? []).flatMap((route) => whereTo(route, lost));
}

function whereTo({ destination, weight, fallback }: Route, lost: string | undefined): readonly Share[] {
  const share = weight / 10_000;
  const site = destination?.cluster ?? "";
  if (site !== lost) return [{ site, share }];
  return fallback.map((entry) => ({
    site: entry.destination?.cluster ?? "",
    share: (share * entry.weight) / 10_000,
  }));
}

function latencyAt(name: string, loadRps: number, { sites }: Fleet): number {
  const site = sites.find((candidate) => candidate.name === name);
  if (site === undefined || loadRps >= capacityOf(site)) return Infinity;
  const { servers, meanWorkMs } = site;
  return latencyMs({ kind: "queue", servers, meanWorkMs, squaredVariation: 1 }, loadRps);
}
