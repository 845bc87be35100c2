import assert from "node:assert/strict";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import { envoyPriority } from "./baselines/envoy-priority.ts";
import { evenSpray } from "./baselines/even-spray.ts";
import { loadAwareLocality } from "./baselines/load-aware-locality.ts";
import { localityFailover } from "./baselines/locality-failover.ts";
import { waterfall } from "./baselines/waterfall.ts";
import { SHED_ABOVE, evaluate } from "./evaluate.ts";
import type { Score } from "./evaluate.ts";
import { instancesOf } from "./instance.ts";
import type { Division, Instance } from "./instance.ts";
import { certifiedOptimum } from "./optimum/certified-optimum.ts";
import type { Scenario } from "./scenarios.ts";
import { weirDivision, weirServices } from "./weir.ts";

/** What others do, in the order of the tables. */
export const BASELINES = ["locality", "envoy", "waterfall", "spray", "loadAware"] as const;

/** A policy other than the planner. */
export type Baseline = (typeof BASELINES)[number];

/** Most that the bound may be below the best division found. */
const CERTIFICATE = 1e-5;

/** Their names for people. */
export const TITLES: Readonly<Record<Baseline | "weir", string>> = {
  weir: "Weir",
  locality: "locality failover",
  envoy: "Envoy priority spill-over",
  waterfall: "Waterfall",
  spray: "even spray",
  loadAware: "Envoy load-aware locality",
};

/** What is compared of a division. */
export type Judged = Pick<Score, "objectiveMs" | "meanMs" | "successShare" | "egressDollarsPerHour">;

/** One service under every policy. */
export interface ServiceResult {
  readonly name: string;
  readonly totalRps: number;
  /** Least that any division within the utilisation limit can have, ms: the certificate. */
  readonly boundMs: number;
  /** The same with no limit but what is served at all. */
  readonly unlimitedMs: number;
  readonly weir: Judged;
  readonly baselines: Readonly<Record<Baseline, Judged>>;
}

/** One scenario under every policy. */
export interface ScenarioResult {
  readonly name: string;
  readonly services: readonly ServiceResult[];
}

/** Divides every service of a scenario by every policy, and judges all divisions by one evaluator. */
export function compareScenario({ name, document }: Scenario): ScenarioResult {
  const planned = weirServices(document);
  const services = instancesOf(document).map((instance, at) => {
    const service = planned[at];
    assert(
      service?.service === instance.name,
      `${name}: the planner answers for every service in the document's order`,
    );
    return compareService(document, instance, weirDivision(instance, service));
  });
  return { name, services };
}

function compareService({ settings }: FleetDocument, instance: Instance, weir: Division): ServiceResult {
  const only = (division: Division): Judged => evaluate(instance, division);
  return {
    name: instance.name,
    totalRps: instance.totalRps,
    boundMs: certifiedBoundMs(instance, settings.utilisationMax),
    unlimitedMs: certifiedBoundMs(instance, SHED_ABOVE),
    weir: only(weir),
    baselines: {
      locality: only(localityFailover(instance)),
      envoy: only(envoyPriority(instance)),
      waterfall: only(waterfall(instance)),
      spray: only(evenSpray(instance)),
      loadAware: meanOf(loadAwareLocality(instance).map(only)),
    },
  };
}

/** A bound that no division comes near would make every policy look bad: it has to be reached. */
function certifiedBoundMs(instance: Instance, utilisationMax: number): number {
  const { boundMs, objectiveMs } = certifiedOptimum(instance, utilisationMax);
  assert(objectiveMs <= boundMs * (1 + CERTIFICATE), `${instance.name}: the optimum is certified`);
  return boundMs;
}

function meanOf(scores: readonly Judged[]): Judged {
  const mean = (of: (score: Judged) => number): number =>
    scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
  return {
    objectiveMs: mean(({ objectiveMs }) => objectiveMs),
    meanMs: mean(({ meanMs }) => meanMs),
    successShare: mean(({ successShare }) => successShare),
    egressDollarsPerHour: mean(({ egressDollarsPerHour }) => egressDollarsPerHour),
  };
}

/** A value of all of a scenario's services, weighted by their requests. */
export function overall({ services }: ScenarioResult, of: (service: ServiceResult) => number): number {
  const requests = services.reduce((sum, { totalRps }) => sum + totalRps, 0);
  return services.reduce((sum, service) => sum + of(service) * service.totalRps, 0) / requests;
}

/** The least objective of any baseline for a service, ms. */
export function bestBaseline({ baselines }: ServiceResult): number {
  return Math.min(...BASELINES.map((baseline) => baselines[baseline].objectiveMs));
}
