import { DEFAULT_UTILISATION_MAX } from "../../src/model/settings.ts";
import { costAt, costCurveOf, slopeAt, type CostCurve } from "../../src/planner/optimise/curve.ts";
import { METHODS } from "./operator.ts";
import type { Play } from "./play.ts";
import { capacityRps, curveOf, roundTripMs } from "./topology.ts";

/** What the planner's model says of one destination. */
export interface PredictedPlace {
  /** With the shares that are intended and the demand that the planner measured, requests per second. */
  readonly loadRps: number;
  /** Load up to which planning fills it. */
  readonly limitRps: number;
  /** What one more request per second costs all who are there, ms: work, its wait, and the waits it causes. */
  readonly nextMs: number;
}

/** What the planner's model says of a service as it is planned now. */
export interface Prediction {
  /** Mean latency of each source's requests, ms: way, wait and work. */
  readonly latencyMs: Readonly<Record<string, number>>;
  /** By `cluster/version`: those that are sent something. */
  readonly places: Readonly<Record<string, PredictedPlace>>;
  /** What the planner knows of each source's demand, requests per second. */
  readonly demandRps: Readonly<Record<string, number>>;
}

/** What the planner's model predicts for the play's service, with declared curves and round trips. */
export async function predict(play: Play): Promise<Prediction> {
  const { sources } = await play.operator.call(METHODS.getStatus, { service: play.service });
  const flows = sources.flatMap(({ cluster, demandRps, shares }) =>
    shares
      .filter(({ intendedWeight }) => intendedWeight > 0)
      .map(({ destination, intendedWeight }) => ({
        source: cluster,
        cluster: destination?.cluster ?? "",
        key: `${destination?.cluster}/${destination?.version}`,
        share: intendedWeight / 10_000,
        rps: (demandRps * intendedWeight) / 10_000,
      })),
  );
  const places = Object.fromEntries(
    [...Map.groupBy(flows, ({ key }) => key)].map(([key, its]) => [key, placeAt(key, sumOf(its), play)]),
  );
  const latencyOf = (source: string): number =>
    flows
      .filter((flow) => flow.source === source)
      .reduce((sum, { cluster, key, share }) => {
        const wayMs = cluster === source ? 0 : roundTripMs(source, cluster);
        return sum + share * (wayMs + latencyAt(key, places[key]?.loadRps ?? 0, play));
      }, 0);
  return {
    places,
    latencyMs: Object.fromEntries(sources.map(({ cluster }) => [cluster, latencyOf(cluster)])),
    demandRps: Object.fromEntries(sources.map(({ cluster, demandRps }) => [cluster, demandRps])),
  };
}

function sumOf(flows: readonly { readonly rps: number }[]): number {
  return flows.reduce((sum, { rps }) => sum + rps, 0);
}

function placeAt(key: string, loadRps: number, play: Play): PredictedPlace {
  const workload = workloadAt(key, play);
  const limitRps = DEFAULT_UTILISATION_MAX * capacityRps(workload);
  return { loadRps, limitRps, nextMs: slopeAt(costCurveOf(curveOf(workload)), loadRps) };
}

/** Mean time at a destination, ms. */
function latencyAt(key: string, loadRps: number, play: Play): number {
  const cost: CostCurve = costCurveOf(curveOf(workloadAt(key, play)));
  return loadRps > 0 ? costAt(cost, loadRps) / loadRps : cost.baseMs;
}

function workloadAt(key: string, { topology, service }: Play) {
  const [name, version] = key.split("/");
  const cluster = topology.clusters.find((candidate) => candidate.name === name);
  const found = cluster?.workloads.find((workload) => workload.service === service && workload.version === version);
  if (found === undefined) throw new Error(`the demo runs no ${service} at ${key}`);
  return found;
}
