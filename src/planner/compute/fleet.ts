import type { DocumentService, FleetDocument } from "../../model/fleet-document.ts";
import type {
  ComputedDestination,
  ComputedFleet,
  ComputedService,
  ComputedSource,
  ComputedWeight,
} from "./computed.ts";
import { costAt } from "../optimise/curve.ts";
import { reasonsOf } from "./reasons.ts";
import type { Reasons } from "./reasons.ts";
import { remarksOf } from "./remarks.ts";
import { chooseWithReserve } from "./reserve.ts";
import type { Reserved } from "./reserve.ts";
import { demandOf, loadsOf, subjectOf } from "./subject.ts";

/** What is to be computed beside the plan. */
export interface ComputeOptions {
  /** Whether weights come with reasons, and destinations that get nothing are listed with theirs. Most of a large answer. */
  readonly isExplained?: boolean;
}

/**
 * Plans a whole fleet from its document alone: no clock, no state, the same document the same answer. Services are
 * independent of each other.
 */
export function computeFleet(document: FleetDocument, options: ComputeOptions = {}): ComputedFleet {
  const services = document.services.map((service) => computeService(document, service, options));
  const total = (of: (service: ComputedService) => number): number =>
    services.reduce((sum, found) => sum + of(found), 0);
  const servedRps = total(({ demandRps, unservedRps }) => demandRps - unservedRps);
  const latency = total(({ latencyMs, demandRps, unservedRps }) => latencyMs * (demandRps - unservedRps));
  return {
    services,
    demandRps: total(({ demandRps }) => demandRps),
    latencyMs: servedRps === 0 ? 0 : latency / servedRps,
    dollarsPerHour: total(({ dollarsPerHour }) => dollarsPerHour),
    unservedRps: total(({ unservedRps }) => unservedRps),
    overLimitRps: total(({ overLimitRps }) => overLimitRps),
  };
}

/** Plans one service of a fleet. */
export function computeService(
  document: FleetDocument,
  service: DocumentService,
  { isExplained = true }: ComputeOptions = {},
): ComputedService {
  const reserved = chooseWithReserve(subjectOf(document, service));
  const { choice, losses } = reserved;
  const { subject, value, solution } = choice;
  const reasons = reasonsOf(choice, reserved.limits);
  const destinations = destinationsOf(reserved, reasons);
  const perRequest = (amount: number): number => (value.servedRps === 0 ? 0 : amount / value.servedRps);
  const required = losses.filter(({ isRequired }) => isRequired);
  const isAsked = service.policy.surviveLossOf !== "none";
  const demandRps = demandOf(subject);
  const unservedRps = Math.max(0, demandRps - value.servedRps);
  const answer = {
    service: service.name,
    rung: choice.rung,
    demandRps,
    unservedRps: unservedRps > 1e-9 * demandRps ? unservedRps : 0,
    overLimitRps: overLimit(reserved),
    latencyMs: perRequest(value.latency),
    dollarsPerHour: value.dollarsPerHour,
    objectiveMs: perRequest(value.objective),
    boundMs: perRequest(Math.min(solution.bound, value.objective)),
    gap: value.objective === 0 ? 0 : Math.max(0, (value.objective - solution.bound) / value.objective),
    fallbacks: choice.fallbacks,
    sources: sourcesOf(reserved, { reasons, destinations, isExplained }),
    destinations,
    losses,
    ...(isAsked && { isLossSurvived: required.every(({ shortAtOnceRps }) => shortAtOnceRps === 0) }),
  };
  return { ...answer, remarks: remarksOf(answer, reserved) };
}

/** What is placed above limits, beyond what rounding to weights does. */
function overLimit({ choice }: Reserved): number {
  const { subject, exact } = choice;
  return loadsOf(subject, exact).reduce((sum, load, at) => {
    const over = load - (subject.destinations[at]?.limitRps ?? Infinity);
    return over > 1e-6 * load ? sum + over : sum;
  }, 0);
}

function destinationsOf({ choice }: Reserved, reasons: Reasons): readonly ComputedDestination[] {
  const loads = loadsOf(choice.subject, choice.division);
  return choice.subject.destinations.map(({ cluster, version, cost, capacityRps }, to) => {
    const loadRps = loads[to] ?? 0;
    const { marginalMs, limitMs } = reasons.marginalOf(to);
    return {
      destination: { cluster, version },
      loadRps,
      capacityRps,
      utilisation: loadRps === 0 ? 0 : loadRps / capacityRps,
      latencyMs: loadRps === 0 ? cost.baseMs : costAt(cost, loadRps) / loadRps,
      marginalMs,
      limitPriceMs: limitMs,
    };
  });
}

interface Known {
  readonly reasons: Reasons;
  readonly destinations: readonly ComputedDestination[];
  readonly isExplained: boolean;
}

function sourcesOf({ choice }: Reserved, known: Known): readonly ComputedSource[] {
  const { subject, division } = choice;
  return subject.sources.map(({ cluster, demandRps }, from) => {
    const row = division[from] ?? [];
    const weights = row.flatMap((rps, to) => (rps > 0 ? [weightOf({ choice, from, to }, known)] : []));
    const servedRps = weights.reduce((sum, { rps }) => sum + rps, 0);
    const latency = weights.reduce((sum, { rps, latencyMs }) => sum + rps * latencyMs, 0);
    return {
      cluster,
      demandRps,
      latencyMs: servedRps === 0 ? 0 : latency / servedRps,
      dollarsPerHour: weights.reduce((sum, { dollarsPerHour }) => sum + dollarsPerHour, 0),
      weights,
      others: row.flatMap((rps, to) => (rps > 0 || !known.isExplained ? [] : [known.reasons.whyNot(from, to)])),
    };
  });
}

function weightOf(
  { choice, from, to }: Pick<Reserved, "choice"> & { readonly from: number; readonly to: number },
  { reasons, destinations, isExplained }: Known,
): ComputedWeight {
  const { rttMs = 0, dollars = 0 } = choice.subject.ways[from]?.[to] ?? {};
  const rps = choice.division[from]?.[to] ?? 0;
  const { destination = { cluster: "" as never, version: "" as never }, latencyMs: destinationMs = 0 } =
    destinations[to] ?? {};
  return {
    destination,
    weight: choice.weights[from]?.[to] ?? 0,
    rps,
    rttMs,
    destinationMs,
    latencyMs: rttMs + destinationMs,
    dollarsPerHour: 3_600 * rps * dollars,
    reasons: isExplained ? reasons.of(from, to) : [],
  };
}
