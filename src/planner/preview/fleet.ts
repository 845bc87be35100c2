import { WEIGHT_TOTAL } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterId, ServiceId } from "../../model/ids.ts";
import type { Settings } from "../../model/settings.ts";
import type { Survival } from "../../model/survival.ts";
import type { FleetCost, FleetPreview, Measures, ServicePreview, Worst } from "../../model/preview.ts";
import { demandOf } from "../outlook.ts";
import { deployedCapacity } from "../readiness.ts";
import { releasedSplit } from "../released.ts";
import { previewService } from "./service.ts";
import type { Hypothesis } from "./service.ts";

/** What is asked about a hypothetical. */
export interface FleetQuestion extends Hypothesis {
  /** Services to look at; undefined: every one that it concerns. */
  readonly services?: readonly ServiceId[];
  /** Services that are told in full, the worst first. */
  readonly detailsMax: number;
}

/** How many services were looked at, of how many. */
export interface Progress {
  readonly done: number;
  readonly services: number;
}

/** Looks at one service after the other, a little at a time. The worst first: who lacks room, then who moves most. */
export function* previewFleet(
  question: FleetQuestion,
  settings: Settings,
): Generator<Progress | undefined, FleetPreview, undefined> {
  const { before, after, detailsMax } = question;
  const names = question.services ?? concernedServices(question);
  const tally = new Tally(detailsMax);
  for (const [index, name] of names.entries()) {
    const found = yield* previewService(name, { before, after }, settings);
    if (found !== undefined) tally.add(found);
    yield { done: index + 1, services: names.length };
  }
  for (const service of after.services.values()) {
    if (tally.has(service.spec.service)) continue;
    tally.addResting(service, question);
    yield;
  }
  return tally.result(after);
}

/** Services of which a hypothetical changes what their plan depends on, by name. */
export function concernedServices({ before, after }: Hypothesis): readonly ServiceId[] {
  const names = [...after.services].flatMap(([name, service]) => {
    const known = before.services.get(name);
    return known === undefined || known.inputsSequence === service.inputsSequence ? [] : [name];
  });
  return names.toSorted(compareNames);
}

/** Sums up services, and keeps the worst of them only: all of a large fleet would not fit into memory. */
class Tally {
  readonly #detailsMax: number;
  readonly #seen = new Set<ServiceId>();
  readonly #costs = { before: new Sum(), atOnce: new Sum(), after: new Sum() };
  readonly #clusters = new Map<ClusterId, { beforeRps: number; afterRps: number; overLimitRps: number }>();
  readonly #survivals = { before: new Map<ServiceId, Survival>(), after: new Map<ServiceId, Survival>() };
  #details: readonly ServicePreview[] = [];
  #moved = { services: 0, rps: 0, stepsMax: 0, incomplete: 0 };
  #worst: Worst | undefined;

  constructor(detailsMax: number) {
    this.#detailsMax = detailsMax;
  }

  has(service: ServiceId): boolean {
    return this.#seen.has(service);
  }

  add(found: ServicePreview): void {
    this.#seen.add(found.service);
    for (const moment of ["before", "atOnce", "after"] as const) this.#costs[moment].add(found[moment]);
    this.#survivals.before.set(found.service, found.survivalBefore);
    this.#survivals.after.set(found.service, found.survivalAfter);
    for (const { destination, loadRps } of found.before.loads) this.#cluster(destination.cluster).beforeRps += loadRps;
    for (const { destination, loadRps, overLimitRps } of found.after.loads) {
      const sum = this.#cluster(destination.cluster);
      sum.afterRps += loadRps;
      sum.overLimitRps += overLimitRps;
    }
    const isMoving = found.steps.length > 0;
    this.#moved = {
      services: this.#moved.services + Number(isMoving),
      rps: this.#moved.rps + found.movedRps,
      stepsMax: Math.max(this.#moved.stepsMax, found.steps.length),
      incomplete: this.#moved.incomplete + Number(!found.isComplete),
    };
    this.#worst = worse(this.#worst, worstOf(found));
    this.#details = [...this.#details, found].toSorted(bySeverity).slice(0, this.#detailsMax);
  }

  /** A service that was not looked at counts for its clusters alone, as if nobody planned it anew. */
  addResting(service: ServiceState, { before, after }: Hypothesis): void {
    const now = before.services.get(service.spec.service);
    for (const source of Object.keys(service.released) as ClusterId[]) {
      const [nowRps, thenRps] = [
        now === undefined ? 0 : demandOf(source, before, now),
        demandOf(source, after, service),
      ];
      for (const { destination, weight } of releasedSplit(after, service, source) ?? []) {
        const sum = this.#cluster(destination.cluster);
        sum.beforeRps += (weight / WEIGHT_TOTAL) * nowRps;
        sum.afterRps += (weight / WEIGHT_TOTAL) * thenRps;
      }
    }
  }

  #cluster(name: ClusterId) {
    const sum = this.#clusters.get(name) ?? { beforeRps: 0, afterRps: 0, overLimitRps: 0 };
    this.#clusters.set(name, sum);
    return sum;
  }

  result(after: FleetState): FleetPreview {
    const { services, rps, stepsMax, incomplete } = this.#moved;
    const capacities = capacitiesIn(after);
    const clusters = [...this.#clusters].toSorted(([a], [b]) => compareNames(a, b));
    return {
      services: this.#seen.size,
      movingServices: services,
      movedRps: rps,
      stepsMax,
      incompleteServices: incomplete,
      before: this.#costs.before.cost(),
      atOnce: this.#costs.atOnce.cost(),
      after: this.#costs.after.cost(),
      clusters: clusters.map(([cluster, sums]) => ({ cluster, ...sums, capacityRps: capacities.get(cluster) ?? 0 })),
      ...(this.#worst !== undefined && { worst: this.#worst }),
      survivalBefore: this.#survivals.before,
      survivalAfter: this.#survivals.after,
      details: this.#details,
    };
  }
}

/** Adds up the measures of services. */
class Sum {
  #demandRps = 0;
  #latency = 0;
  #spentMsRps = 0;
  #dollarsPerHour = 0;
  #overLimitRps = 0;
  #overCapacityRps = 0;
  #lostRps = 0;
  #overloaded = 0;

  add(measures: Measures): void {
    this.#demandRps += measures.demandRps;
    this.#latency += measures.latencyMs * (measures.demandRps - measures.lostRps);
    this.#spentMsRps += measures.spentMsRps;
    this.#dollarsPerHour += measures.dollarsPerHour;
    this.#overLimitRps += measures.overLimitRps;
    this.#overCapacityRps += measures.overCapacityRps;
    this.#lostRps += measures.lostRps;
    this.#overloaded += Number(measures.overLimitRps + measures.lostRps > 0);
  }

  cost(): FleetCost {
    const servedRps = this.#demandRps - this.#lostRps;
    return {
      demandRps: this.#demandRps,
      latencyMs: servedRps > 0 ? this.#latency / servedRps : 0,
      spentMsRps: this.#spentMsRps,
      dollarsPerHour: this.#dollarsPerHour,
      overLimitRps: this.#overLimitRps,
      overCapacityRps: this.#overCapacityRps,
      lostRps: this.#lostRps,
      overloadedServices: this.#overloaded,
    };
  }
}

function capacitiesIn(state: FleetState): ReadonlyMap<ClusterId, number> {
  const sums = new Map<ClusterId, number>();
  for (const service of state.services.values())
    for (const deployment of service.spec.deployments) {
      const capacityRps = deployedCapacity(service, deployment) ?? 0;
      sums.set(deployment.cluster, (sums.get(deployment.cluster) ?? 0) + capacityRps);
    }
  return sums;
}

function worstOf({ service, after }: ServicePreview): Worst | undefined {
  const key = after.tightest;
  const load = after.loads.find(({ destination }) => destination === key?.destination);
  if (load?.capacityRps === undefined) return undefined;
  return { service, destination: load.destination, loadRps: load.loadRps, capacityRps: load.capacityRps };
}

function worse(a: Worst | undefined, b: Worst | undefined): Worst | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.loadRps * a.capacityRps > a.loadRps * b.capacityRps ? b : a;
}

function bySeverity(a: ServicePreview, b: ServicePreview): number {
  return (
    unserved(b) - unserved(a) ||
    shortAfterLoss(b) - shortAfterLoss(a) ||
    b.movedRps - a.movedRps ||
    compareNames(a.service, b.service)
  );
}

function unserved({ after }: ServicePreview): number {
  return after.overLimitRps + after.lostRps;
}

function shortAfterLoss({ survivalAfter }: ServicePreview): number {
  return Math.max(0, ...survivalAfter.losses.map(({ shortRps }) => shortRps));
}
