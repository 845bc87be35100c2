import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { bestBaseline, overall } from "./compare.ts";
import type { ScenarioResult, ServiceResult } from "./compare.ts";

/** Most that integer weights and an inexact search may cost. */
const OPTIMUM_AT_MOST = 1.002;

/** Never worse than what its users can run today. */
const BASELINE_AT_MOST = 1.01;

/** How many times worse locality failover has to be, at the least: 95 % of what the optimum reaches. */
const FAILOVER_AT_LEAST: Readonly<Record<string, number>> = {
  "s8-hot-spot": 0.95 * 16,
  "s7-region-down": 0.95 * 4.6,
  "s10-heterogeneous": 0.95 * 11,
  "s3b-contention": 0.95 * 8.1,
};

/** Scenario in which two clouds lie side by side. */
const CROSS_CLOUD = "s11b-cross-cloud";
const CROSS_CLOUD_EGRESS_AT_MOST = 0.25;
const CROSS_CLOUD_LATENCY_MS = 2;

/** A scenario's rows: how near the optimum, never worse than others, and what the scenario was made to show. */
export function qualityRows(result: ScenarioResult): readonly Row[] {
  const { name } = result;
  const worst = worstOf(result, ({ weir, boundMs }) => weir.objectiveMs / boundMs);
  const nearest = worstOf(result, (service) => service.weir.objectiveMs / bestBaseline(service));
  const each = result.services.length > 1 ? " (worst service)" : "";
  const priced = overall(result, ({ boundMs }) => boundMs);
  return [
    rowOf({
      case: `${name}: objective / certified optimum${each}`,
      value: worst.weir.objectiveMs,
      rival: worst.boundMs,
      unit: "ms",
      atMost: OPTIMUM_AT_MOST,
    }),
    ...(isJudgedByService(name)
      ? [
          rowOf({
            case: `${name}: objective / best of the others${each}`,
            value: nearest.weir.objectiveMs,
            rival: bestBaseline(nearest),
            unit: "ms",
            atMost: BASELINE_AT_MOST,
          }),
        ]
      : dayRows(result)),
    rowOf({
      case: `${name}: price of the headroom`,
      value: priced,
      rival: overall(result, ({ unlimitedMs }) => unlimitedMs),
      unit: "ms",
    }),
    ...madeFor(result),
  ];
}

/** The steps of a day are one scenario: what counts is the day. The worst step is shown. */
function isJudgedByService(name: string): boolean {
  return name !== "s6-diurnal";
}

function dayRows(result: ScenarioResult): readonly Row[] {
  const worst = worstOf(result, (service) => service.weir.objectiveMs / bestBaseline(service));
  const day = (of: (service: ServiceResult) => number): number => overall(result, of);
  return [
    rowOf({
      case: `${result.name}: objective / best of the others (whole day)`,
      value: day(({ weir }) => weir.objectiveMs),
      rival: Math.min(
        day(({ baselines }) => baselines.locality.objectiveMs),
        day(({ baselines }) => baselines.envoy.objectiveMs),
        day(({ baselines }) => baselines.waterfall.objectiveMs),
        day(({ baselines }) => baselines.spray.objectiveMs),
        day(({ baselines }) => baselines.loadAware.objectiveMs),
      ),
      unit: "ms",
      atMost: BASELINE_AT_MOST,
    }),
    rowOf({
      case: `${result.name}: objective / best of the others (worst five minutes)`,
      value: worst.weir.objectiveMs,
      rival: bestBaseline(worst),
      unit: "ms",
    }),
  ];
}

function madeFor(result: ScenarioResult): readonly Row[] {
  const [service] = result.services;
  const times = FAILOVER_AT_LEAST[result.name];
  if (service === undefined) return [];
  const failover = times === undefined ? [] : [failoverRow(result.name, service, times)];
  return result.name === CROSS_CLOUD ? [...failover, ...crossCloudRows(result.name, service)] : failover;
}

function failoverRow(name: string, { weir, baselines }: ServiceResult, times: number): Row {
  return rowOf({
    case: `${name}: objective / locality failover's (${times.toFixed(1)} times better)`,
    value: weir.objectiveMs,
    rival: baselines.locality.objectiveMs,
    unit: "ms",
    atMost: Number((1 / times).toFixed(4)),
  });
}

function crossCloudRows(name: string, { weir, baselines }: ServiceResult): readonly Row[] {
  return [
    rowOf({
      case: `${name}: egress / Waterfall's`,
      value: weir.egressDollarsPerHour,
      rival: baselines.waterfall.egressDollarsPerHour,
      unit: "$/h",
      atMost: CROSS_CLOUD_EGRESS_AT_MOST,
    }),
    rowOf({
      case: `${name}: latency / Waterfall's + ${CROSS_CLOUD_LATENCY_MS} ms`,
      value: weir.meanMs,
      rival: baselines.waterfall.meanMs + CROSS_CLOUD_LATENCY_MS,
      unit: "ms",
      atMost: 1,
    }),
  ];
}

function worstOf({ services }: ScenarioResult, ratio: (service: ServiceResult) => number): ServiceResult {
  return services.reduce((worst, service) => (ratio(service) > ratio(worst) ? service : worst));
}
