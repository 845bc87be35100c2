import type { Destination, DestinationKey, Split } from "../../model/destination.ts";
import { compareDestinations, keyOf } from "../../model/destination.ts";
import type { Version } from "../../model/ids.ts";
import type { Reason } from "../../model/plan.ts";
import { unreachable } from "../../model/result.ts";
import type { Offer } from "../eligible.ts";
import { weightOf } from "../eligible.ts";
import type { SourceOutlook } from "../outlook.ts";
import type { Step } from "../step.ts";
import { newestShiftOf, runningShiftOf, stepLimitOf } from "../step-limit.ts";
import type { Planning, Target } from "../target.ts";
import { servingOffers } from "../target.ts";
import { isInFlight } from "../wishes.ts";
import { ceilingText, lossText, perCent, placementText, rpsText } from "./wording.ts";

/** What is to be explained: one source's step, where it leads, and what was reckoned on the way. */
export interface Explanation {
  readonly target: Target;
  readonly step: Step;
  /** What an emergency made of the source instead of its target, if there is one. */
  readonly emergency?: Target;
  readonly overload: ReadonlyMap<Version, number>;
}

type Kind = Reason["kind"];

/** Why each destination of a source has its weight, and why others that it had or was to have got none. */
export function explain(explanation: Explanation, planning: Planning): readonly Reason[] {
  const { source, split } = explanation.target;
  const named = [split, explanation.step.split, source.now ?? [], planning.service.pins[source.cluster] ?? []];
  return destinationsIn(named).flatMap((destination) =>
    reasonsFor(destination, explanation, planning).map(([kind, text]) => ({
      cluster: source.cluster,
      destination,
      kind,
      text,
    })),
  );
}

function destinationsIn(splits: readonly Split[]): readonly Destination[] {
  const byKey = new Map<DestinationKey, Destination>();
  for (const { destination } of splits.flat()) byKey.set(keyOf(destination), destination);
  return [...byKey.values()].toSorted(compareDestinations);
}

type Found = readonly [Kind, string];

function reasonsFor(destination: Destination, explanation: Explanation, planning: Planning): readonly Found[] {
  const { source } = explanation.target;
  const offer = source.offers.find(({ key }) => key === keyOf(destination));
  return [
    ...standingReasons(destination, offer, { source, planning }),
    ...keptReasons(destination, explanation, planning),
    ...placedReasons(offer, explanation, planning),
    ...ceilingReasons(offer, explanation, planning),
    ...stepReasons(destination, explanation, planning),
    ...onlyReasons(destination, explanation),
  ];
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
  if (!offer.isDraining) return [];
  const step = cluster?.drain === undefined ? "" : `, at most ${cluster.drain.maxStepWeight} a step`;
  return [["draining", `${destination.cluster} is drained: ${had} of 10000 leave it${step}`]];
}

function keptReasons(destination: Destination, { target }: Explanation, planning: Planning): readonly Found[] {
  const kept = target.kept.get(keyOf(destination)) ?? 0;
  if (kept === 0) return [];
  const { cluster } = target.source;
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

function placedReasons(offer: Offer | undefined, explanation: Explanation, planning: Planning): readonly Found[] {
  if (offer === undefined) return [];
  const { target, emergency, overload } = explanation;
  const isAutomatic = target.kept.size === 0;
  const factor = overload.get(offer.destination.version);
  const context = { offer, source: target.source, utilisationMax: planning.settings.utilisationMax, factor };
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
  overflow: "capacity",
  "last-resort": "redistributed",
};

function ceilingReasons(offer: Offer | undefined, { target }: Explanation, planning: Planning): readonly Found[] {
  if (offer?.restriction === undefined || weightOf(target.split, offer.destination) < offer.ceilingWeight) return [];
  const ramp = planning.state.clusters.get(offer.destination.cluster)?.ramp;
  const kind: Kind = offer.restriction === "ramp" ? "ramp" : "cordoned";
  return [[kind, ceilingText(offer, ramp)]];
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

function boundText({ target, step, emergency }: Explanation, planning: Planning): string {
  if (emergency !== undefined) return "an emergency moves what is lost and nothing else";
  const limit = stepLimitOf(target.source, planning);
  switch (step.bound) {
    case "capacity":
      return `a larger step than ${step.moved} could overload a destination, in some order of applying it`;
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

function onlyReasons(destination: Destination, { target, step }: Explanation): readonly Found[] {
  const serving = servingOffers(target.source);
  const [only] = serving;
  if (only === undefined && weightOf(step.split, destination) > 0)
    return [["only-destination", "nothing serves this source now: it keeps what was released to it last"]];
  if (serving.length !== 1 || only?.key !== keyOf(destination)) return [];
  return [["only-destination", `nothing else serves ${target.source.cluster} (${rpsText(target.source.demandRps)})`]];
}
