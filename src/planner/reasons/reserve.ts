import type { Destination } from "../../model/destination.ts";
import { keyOf } from "../../model/destination.ts";
import type { ClusterId } from "../../model/ids.ts";
import { weightOf } from "../eligible.ts";
import { limitOf } from "../limits.ts";
import type { Planning, Target, Unsurvived } from "../target.ts";
import { perCent, rpsText } from "./wording.ts";

/** Clusters that a reason names at most. */
const NAMED_MAX = 3;

/**
 * What a destination keeps free for losses that the policy names, and that its own loss is not survived, with the numbers.
 * Sources that send nothing are told neither.
 */
export function reserveTexts(destination: Destination, target: Target, planning: Planning): readonly string[] {
  const { reserve } = planning;
  if (reserve === undefined || target.source.demandRps === 0 || weightOf(target.split, destination) === 0) return [];
  const missed = reserve.unsurvived.find(({ cluster }) => cluster === destination.cluster);
  return [...keptText(destination, target, planning), ...(missed === undefined ? [] : [missedText(missed, planning)])];
}

function keptText(destination: Destination, { source }: Target, { reserve, settings }: Planning): readonly string[] {
  const limitRps = reserve?.limitsRps.get(keyOf(destination));
  const offer = source.offers.find(({ key }) => key === keyOf(destination));
  if (reserve === undefined || limitRps === undefined || offer === undefined) return [];
  const ownRps = limitOf(offer, settings);
  const whom = namesOf(reserve.survived.filter((cluster) => cluster !== destination.cluster));
  return [
    `it is filled to ${rpsText(limitRps)} of the ${rpsText(ownRps)} that it takes: ${rpsText(ownRps - limitRps)} are kept free, because surviveLossOf asks that the loss of ${whom} be survived`,
  ];
}

function missedText({ cluster, shortRps, shortAtOnceRps }: Unsurvived, { settings }: Planning): string {
  const asked = `surviveLossOf asks that the loss of ${cluster} be survived`;
  if (shortRps > 0) {
    const most = `${perCent(settings.utilisationMax * 10_000)} of their capacities`;
    return `${asked}; ${rpsText(shortRps)} would find no room in the others within ${most}, however they are divided: add capacity there, and nothing is kept free for it meanwhile`;
  }
  return `${asked}; ${rpsText(shortAtOnceRps)} would find no room at once, and would only once everybody is divided anew`;
}

function namesOf(clusters: readonly ClusterId[]): string {
  const others = clusters.length - NAMED_MAX;
  return [...clusters.slice(0, NAMED_MAX), ...(others > 0 ? [`${others} more`] : [])].join(", ");
}
