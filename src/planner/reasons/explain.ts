import type { Destination, DestinationKey } from "../../model/destination.ts";
import { keyOf, destinationsIn } from "../../model/destination.ts";
import type { Version } from "../../model/ids.ts";
import type { Reason } from "../../model/plan.ts";
import { unreachable } from "../../model/result.ts";
import { isOpen } from "../bounds.ts";
import type { Offer } from "../eligible.ts";
import { weightOf } from "../eligible.ts";
import type { SourceOutlook } from "../outlook.ts";
import { policyOf, ruleText } from "../policy.ts";
import type { Step } from "../step.ts";
import { newestShiftOf, runningShiftOf, stepLimitOf } from "../step-limit.ts";
import type { PassedUp, Planning, Target } from "../target.ts";
import { allowedOffers, servingOffers } from "../target.ts";
import { isInFlight } from "../wishes.ts";
import { capacityTexts, fullnessOf, marginalOf, marginalText, roundingTexts } from "./fullness.ts";
import type { Fullness } from "./fullness.ts";
import { priceTexts } from "./price.ts";
import { destinationsReasons, failoverReasons, localityReasons, matchReasons, releaseReasons } from "./preferences.ts";
import { reserveTexts } from "./reserve.ts";
import { capacityOriginText } from "./learned.ts";
import { tightestText } from "./transit.ts";
import type { Transit } from "./transit.ts";
import { ceilingText, lossText, perCent, placementText, rpsText } from "./wording.ts";

/** What is to be explained: one source's step, where it leads, and what was reckoned on the way. */
export interface Explanation {
  readonly target: Target;
  readonly step: Step;
  /** What an emergency made of the source instead of its target, if there is one. */
  readonly emergency?: Target;
  readonly overload: ReadonlyMap<Version, number>;
  /** Requests per second on each destination once all sources are at their targets. */
  readonly loads: ReadonlyMap<DestinationKey, number>;
  /** What the steps of all sources bring destinations. */
  readonly transit: Transit;
}

type Kind = Reason["kind"];

/** Why each destination of a source has its weight, and why others that it had or was to have got none. */
export function explain(explanation: Explanation, planning: Planning): readonly Reason[] {
  const { source, split } = explanation.target;
  const named = [split, explanation.step.split, source.now ?? [], planning.service.pins[source.cluster] ?? []];
  const matched = matchReasons(source, planning).map(([destination, text]): Reason => ({
    cluster: source.cluster,
    destination,
    kind: "release",
    text,
  }));
  return [
    ...destinationsIn(named).flatMap((destination) =>
      inOrder(reasonsFor(destination, explanation, planning)).map(([kind, text]) => ({
        cluster: source.cluster,
        destination,
        kind,
        text,
      })),
    ),
    ...matched,
  ];
}

/** The order of the model, in which they bind. */
const RANKS: Readonly<Record<Kind, number>> = {
  dead: 0,
  lost: 1,
  draining: 2,
  policy: 3,
  failover: 4,
  cordoned: 5,
  ramp: 6,
  "only-destination": 7,
  pinned: 8,
  release: 9,
  local: 10,
  spillover: 11,
  redistributed: 12,
  capacity: 13,
  reserve: 14,
  price: 15,
  locality: 16,
  destinations: 17,
  "step-limit": 18,
  rounding: 19,
};

function inOrder(found: readonly Found[]): readonly Found[] {
  return found.toSorted(([a], [b]) => RANKS[a] - RANKS[b]);
}

type Found = readonly [Kind, string];

function reasonsFor(destination: Destination, explanation: Explanation, planning: Planning): readonly Found[] {
  const { source } = explanation.target;
  const offer = source.offers.find(({ key }) => key === keyOf(destination));
  const fullness = offer && fullnessFor(offer, explanation, planning);
  return [
    ...standingReasons(destination, offer, { source, planning }),
    ...failoverReasons(offer, source, planning),
    ...keptReasons(destination, explanation, planning),
    ...releaseReasons(destination, explanation.target, planning),
    ...placedReasons(offer, explanation, planning),
    ...ceilingReasons(offer, explanation, planning),
    ...capacityTexts(offer, explanation.target, { fullness, planning }).map((text): Found => ["capacity", text]),
    ...reserveTexts(destination, explanation.target, planning).map((text): Found => ["reserve", text]),
    ...priceTexts(offer, explanation.target, planning).map((text): Found => ["price", text]),
    ...localityReasons(offer, explanation.target),
    ...destinationsReasons(destination, explanation.target, planning),
    ...stepReasons(destination, explanation, planning),
    ...roundingTexts(offer, explanation.target).map((text): Found => ["rounding", text]),
    ...onlyReasons(destination, explanation, planning),
  ];
}

function fullnessFor(offer: Offer, { loads, overload }: Explanation, planning: Planning): Fullness {
  return fullnessOf(offer, { loads, factor: overload.get(offer.destination.version) }, planning);
}

function standingReasons(
  destination: Destination,
  offer: Offer | undefined,
  { source, planning }: { readonly source: SourceOutlook; readonly planning: Planning },
): readonly Found[] {
  const had = weightOf(source.now, destination);
  const wanted = weightOf(planning.service.pins[source.cluster], destination);
  if (had === 0 && wanted === 0) return [];
  const cluster = planning.state.clusters.get(destination.cluster);
  if (offer === undefined || offer.loss !== undefined) {
    const loss = offer?.loss ?? "not-deployed";
    const kind = loss === "dead" ? "dead" : "lost";
    return [[kind, `${keyOf(destination)} ${lossText(loss, cluster)}; it had ${had} of 10000`]];
  }
  if (offer.forbidden !== undefined) return [["policy", forbiddenText(offer, { had, wanted, source, planning })]];
  if (!offer.isDraining) return [];
  const step = cluster?.drain === undefined ? "" : `, at most ${cluster.drain.maxStepWeight} a step`;
  return [["draining", `${destination.cluster} is drained: ${had} of 10000 leave it${step}`]];
}

interface Held {
  readonly had: number;
  readonly wanted: number;
  readonly source: SourceOutlook;
  readonly planning: Planning;
}

function forbiddenText(offer: Offer, { had, wanted, source, planning }: Held): string {
  const leaves = had > 0 ? `${had} of 10000 leave it step by step` : `the ${wanted} of 10000 of a shift go elsewhere`;
  const goes = allowedOffers(source).length > 0 ? leaves : `it keeps ${had} of 10000`;
  return `${barText(offer, source, planning)}; ${goes}`;
}

function barText({ destination, forbidden }: Offer, source: SourceOutlook, { service, state }: Planning): string {
  const lane = { source: source.cluster, destination: destination.cluster };
  const why = forbidden === undefined ? "" : ruleText(forbidden, lane, { spec: service.spec, state });
  return `${destination.cluster} ${why}`;
}

function keptReasons(destination: Destination, { target }: Explanation, planning: Planning): readonly Found[] {
  const kept = target.kept.get(keyOf(destination)) ?? 0;
  if (kept === 0) return [];
  const { cluster } = target.source;
  if (target.passedUp !== undefined) return [["pinned", passedUpText(kept, target.passedUp)]];
  const running = runningShiftOf(cluster, planning);
  if (running?.phase === "holding") return [["pinned", `held at ${kept} of 10000: shift ${running.shift} waits`]];
  if (isInFlight(target.source, planning)) {
    return [["pinned", `held at ${kept} of 10000: the step before is still being watched`]];
  }
  const pin = weightOf(planning.service.pins[cluster], destination);
  if (pin === 0 || kept > pin) return [["pinned", `stays at ${kept} of 10000: automatic moves stand still`]];
  const shift = newestShiftOf(cluster, planning);
  const by = shift === undefined ? "a shift" : `shift ${shift.shift} of ${shift.actor}`;
  return [["pinned", `${by} set ${pin} of 10000 for ${cluster}`]];
}

function passedUpText(kept: number, { gain, gainMin }: PassedUp): string {
  const [gained, least] = [perCent(gain * 10_000), perCent(gainMin * 10_000)];
  return `stays at ${kept} of 10000: moving would gain callers ${gained} of what they spend, and less than ${least} is not worth it`;
}

function placedReasons(offer: Offer | undefined, explanation: Explanation, planning: Planning): readonly Found[] {
  if (offer === undefined) return [];
  const { target, emergency, overload } = explanation;
  const isAutomatic = target.kept.size === 0;
  const factor = overload.get(offer.destination.version);
  const { utilisationMax } = planning.settings;
  const { isolation } = policyOf(planning.service.spec);
  const { descent } = target;
  const fullness = fullnessFor(offer, explanation, planning);
  const costText = (totalMs: number): string => marginalText(marginalOf(totalMs, offer, { fullness, planning }));
  const originText = capacityOriginText(planning.service, offer.destination);
  const context = { offer, source: target.source, utilisationMax, isolation, factor, originText, descent, costText };
  const settled = target.placements.filter(({ destination }) => keyOf(destination) === offer.key);
  const rescued = (emergency?.placements ?? []).filter(({ destination }) => keyOf(destination) === offer.key);
  return [
    ...settled.map((placement): Found => {
      const kind: Kind = isAutomatic ? AUTOMATIC_KINDS[placement.manner] : "redistributed";
      return [kind, placementText(placement, context)];
    }),
    ...rescued.map((placement): Found => ["redistributed", `at once: ${placementText(placement, context)}`]),
  ];
}

const AUTOMATIC_KINDS: Readonly<Record<Target["placements"][number]["manner"], Kind>> = {
  local: "local",
  spillover: "spillover",
  balanced: "spillover",
  overflow: "capacity",
  "last-resort": "redistributed",
};

const CEILING_KINDS: Readonly<Record<NonNullable<Offer["restriction"]>, Kind>> = {
  ramp: "ramp",
  cordoned: "cordoned",
  unknown: "cordoned",
  "readiness-doubted": "cordoned",
  "max-share": "policy",
};

function ceilingReasons(offer: Offer | undefined, { target }: Explanation, planning: Planning): readonly Found[] {
  if (offer?.restriction === undefined || weightOf(target.split, offer.destination) < offer.ceilingWeight) return [];
  const ramp = planning.state.clusters.get(offer.destination.cluster)?.ramp;
  return [[CEILING_KINDS[offer.restriction], ceilingText(offer, ramp)]];
}

function stepReasons(destination: Destination, explanation: Explanation, planning: Planning): readonly Found[] {
  const { target, step } = explanation;
  const now = weightOf(target.source.now, destination);
  const [next, end] = [weightOf(step.split, destination), weightOf(target.split, destination)];
  if (next === end) return [];
  return [
    ["step-limit", `${now} now, ${next} after this step, ${end} in the end: ${boundText(explanation, planning)}`],
  ];
}

function boundText({ target, step, emergency, transit }: Explanation, planning: Planning): string {
  if (emergency !== undefined) return "an emergency moves what is lost and nothing else";
  const limit = stepLimitOf(target.source, planning);
  switch (step.bound) {
    case "capacity":
      return `a larger step than ${step.moved} could overload ${tightestText({ source: target.source, split: step.split }, transit, planning)}`;
    case "onload":
      return `a destination may get ${perCent(planning.settings.onloadMax * 10_000)} of its capacity more at a time`;
    case "relief":
      return "somebody is sent more than it can serve, and is relieved at once, whatever one step may move";
    case "relief-first":
      return "somebody is sent more than it can serve, and is relieved first";
    case "waits-for-room":
      return "others must leave a full destination first";
    case "step-limit":
    case "no-safe-order":
    case "none":
      return `one step moves at most ${limit} (${perCent(limit)})`;
    default:
      return unreachable(step.bound);
  }
}

function onlyReasons(destination: Destination, { target, step }: Explanation, planning: Planning): readonly Found[] {
  const { source } = target;
  const serving = servingOffers(source);
  const open = source.offers.filter(isOpen);
  const [only] = open;
  if (only === undefined && weightOf(step.split, destination) > 0) return [nothingReason(source, planning)];
  if (open.length !== 1 || only?.key !== keyOf(destination)) return [];
  const whom = `${source.cluster} (${rpsText(source.demandRps)})`;
  if (serving.length === 1) return [["only-destination", `nothing else serves ${whom}`]];
  return [["policy", `nothing else may serve ${whom}: ${closedText(source, planning)}`]];
}

function nothingReason(source: SourceOutlook, planning: Planning): Found {
  const kept = "it keeps what was released to it last";
  if (servingOffers(source).length === 0) return ["only-destination", `nothing serves this source now: ${kept}`];
  return ["policy", `nothing that may serve this source does: ${kept} (${closedText(source, planning)})`];
}

/** Clusters that a reason names at most: a policy may close hundreds. */
const NAMED_MAX = 3;

/** Why what serves is closed to a source, each cluster once. */
function closedText(source: SourceOutlook, planning: Planning): string {
  const closed = servingOffers(source).filter((offer) => !isOpen(offer));
  const texts = closed.map((offer) => {
    const { cluster, version } = offer.destination;
    if (offer.isStandby) return `isolation nearest keeps ${version} at home, so that ${cluster} stands by`;
    return barText(offer, source, planning);
  });
  const each = [...new Set(texts)];
  const others = each.length - NAMED_MAX;
  return [...each.slice(0, NAMED_MAX), ...(others > 0 ? [`and ${others} more`] : [])].join("; ");
}
