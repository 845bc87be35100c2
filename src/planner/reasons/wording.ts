import type { ClusterState, Ramp } from "../../model/cluster.ts";
import type { ServicePolicy } from "../../model/fleet-document.ts";
import { keyOf } from "../../model/destination.ts";
import { unreachable } from "../../model/result.ts";
import type { Descent, Placement } from "../allocate.ts";
import type { Loss, Offer } from "../eligible.ts";
import type { SourceOutlook } from "../outlook.ts";

/** Requests per second as people read them. */
export function rpsText(rps: number): string {
  return `${round(rps)} rps`;
}

/** Basis points in per cent: 1234 is `12.34 %`. */
export function perCent(weight: number): string {
  return `${round(weight / 100)} %`;
}

/** A price of one request: mostly far below a cent, so per million. */
export function money(dollarsPerRequest: number): string {
  return `$${round(dollarsPerRequest * 1e6)} per million requests`;
}

/** Two digits after the point: a person checks no more. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Why a destination cannot serve, to follow its name. */
export function lossText(loss: Loss, cluster: ClusterState | undefined): string {
  switch (loss) {
    case "dead":
      return `is in a dead cluster (since ${cluster?.verdictSinceMs ?? 0} ms)`;
    case "not-deployed":
      return "is not deployed any more";
    case "not-a-member":
      return `is in a cluster that is ${cluster?.membership ?? "not registered"}`;
    case "quarantined":
      return "is in a quarantined cluster";
    case "unready":
      return "reports no ready endpoint";
    case "unreachable":
      return "is behind no gateway that anybody declared or reported";
    default:
      return unreachable(loss);
  }
}

/** What a placement was reckoned with. */
export interface PlacementContext {
  readonly offer: Offer;
  readonly source: SourceOutlook;
  readonly utilisationMax: number;
  readonly isolation: ServicePolicy["isolation"];
  /** How far thresholds of the version had to be raised; undefined: not at all. */
  readonly factor: number | undefined;
  /** Where the capacity comes from, to follow it; empty: nothing is to be said of that. */
  readonly originText: string;
  /** Why the optimum was not to be had; undefined: it was, or nobody asked for it. */
  readonly descent: Descent | undefined;
  /** What one more request costs at the offer, by part, as far as it was weighed. */
  readonly costText: (totalMs: number) => string;
}

/** How a part of a source's traffic came to where it is, with the numbers. */
export function placementText(placement: Placement, context: PlacementContext): string {
  return `${mannerText(placement, context)}${descentText(context)}`;
}

function descentText({ descent }: PlacementContext): string {
  if (descent === undefined) return "";
  const name = descent.rung === "waterfall" ? "Waterfall" : "locality failover";
  return `; by ${name}: ${descent.because}`;
}

function mannerText(placement: Placement, context: PlacementContext): string {
  const { flow, weight, manner } = placement;
  const { source, offer } = context;
  const amount = `${Math.round(weight)} of 10000 (${rpsText((weight / 10_000) * source.demandRps)})`;
  const what = flow.version === offer.destination.version ? amount : `${amount} of ${flow.version}, which has no place`;
  switch (manner) {
    case "local":
      return `${what} ${homeText(placement, context)}; ${roomText(context)}`;
    case "spillover":
      return `${what} to the nearest with room, ${round(offer.rttMs)} ms away${leavingText(context)}; ${roomText(context)}`;
    case "balanced":
      return `${what} where ${weighedText(placement, context)}${leavingText(context)}; ${roomText(context)}`;
    case "overflow":
      return `${what} ${overflowText(context)}; ${roomText(context)}`;
    case "last-resort":
      return `${what} has nowhere else to go; a ceiling or drain gives way`;
    default:
      return unreachable(manner);
  }
}

function homeText(placement: Placement, context: PlacementContext): string {
  const { source, isolation } = context;
  const { weight, flow, weighed } = placement;
  const isBeyond = (weight / 10_000) * source.demandRps > mostRps(context) * (1 + ROUNDING);
  if (isBeyond && isolation !== "none") return stayingText(context);
  // Where some of it leaves, it is by what one more request would cost.
  const isPart = weighed !== undefined && weight < flow.weight * (1 - ROUNDING);
  return isPart ? `served at home, where ${weighedText(placement, context)}` : "served at home";
}

/** A share of a source is rounded to whole basis points. */
const ROUNDING = 1e-4;

function stayingText({ isolation }: PlacementContext): string {
  return `stays at home beyond its room: isolation ${isolation} overloads it rather than let it leave`;
}

/** With isolation `nearest` a source leaves its cluster for one reason alone. */
function leavingText({ isolation, offer }: PlacementContext): string {
  if (isolation !== "nearest") return "";
  return `: isolation nearest, and ${offer.destination.version} does not take everything at home`;
}

function overflowText(context: PlacementContext): string {
  const { isolation, offer, source } = context;
  if (offer.destination.cluster === source.cluster && isolation !== "none") return stayingText(context);
  const isBound = source.offers.some(({ forbidden }) => forbidden !== undefined);
  return `found no room ${isBound ? "where the policy lets it go" : "anywhere"} and is spread by capacity`;
}

/** What one more request would cost here and elsewhere: the sums can be checked by hand. */
function weighedText({ weighed }: Placement, { offer, costText }: PlacementContext): string {
  const away = `${round(offer.rttMs)} ms away`;
  if (weighed === undefined) return `it costs least, ${away}`;
  const here = `one more request costs ${costText(weighed.hereMs)}`;
  const { elsewhere } = weighed;
  return elsewhere === undefined ? here : `${here}; at ${keyOf(elsewhere.destination)} ${round(elsewhere.costMs)} ms`;
}

/** Requests per second up to which a destination is filled. */
function mostRps({ offer, utilisationMax, factor = 1 }: PlacementContext): number {
  return (offer.capacityRps ?? Infinity) * utilisationMax * factor;
}

function roomText(context: PlacementContext): string {
  const { offer, utilisationMax, factor, originText } = context;
  if (offer.capacityRps === undefined) return "its capacity is not known";
  const most = mostRps(context);
  const raised = factor === undefined ? "" : `, raised ${round(factor)} times because demand exceeds all there is`;
  return `it takes ${rpsText(most)} (${perCent(utilisationMax * 10_000)} of ${rpsText(offer.capacityRps)}${originText}${raised})`;
}

/** What keeps a destination from getting more. */
export function ceilingText({ destination, ceilingWeight, restriction }: Offer, ramp: Ramp | undefined): string {
  const most = `at most ${ceilingWeight} of 10000`;
  switch (restriction) {
    case "ramp":
      return `${destination.cluster} returns step by step: ${most} from one source (ceiling now ${ramp?.ceilingWeight ?? 0})`;
    case "cordoned":
      return `${destination.cluster} is cordoned: ${most}, what it has now`;
    case "unknown":
      return `${destination.cluster} is unknown: ${most}, what it has now`;
    case "readiness-doubted":
      return `too many clusters report no ready endpoint to be believed: ${most}, what it has now`;
    case "max-share":
      return `maxShare: ${most} to one destination of ${destination.version}`;
    case undefined:
      return most;
    default:
      return unreachable(restriction);
  }
}
