import { keyOf } from "../../model/destination.ts";
import type { Destination } from "../../model/destination.ts";
import type { ServiceState } from "../../model/fleet.ts";
import type { LearnedDestination } from "../../model/learned.ts";
import { declaredCapacity } from "../../model/service.ts";
import { PROOF_FACTOR, trustedCapacity } from "../learn/trust.ts";
import { perCent, rpsText } from "./wording.ts";

/** Where a destination's capacity comes from, with the numbers, to follow it; empty where it is declared or just reported. */
export function capacityOriginText(service: ServiceState, destination: Destination): string {
  const key = keyOf(destination);
  const deployment = service.spec.deployments.find((found) => keyOf(found) === key);
  const learned = service.learned?.[key];
  if (deployment === undefined || declaredCapacity(deployment) !== undefined || learned === undefined) return "";
  const trusted = trustedCapacity(learned, service.reported[key]);
  if (trusted?.origin === "bounded") return boundedText(learned, service.reported[key]?.capacityRps);
  return trusted?.origin === "learned" ? `${learnedText(learned)}${doubtText(learned)}` : "";
}

function boundedText({ anchorRps = 0, provenRps = 0 }: LearnedDestination, claimRps: number | undefined): string {
  const claim = claimRps === undefined ? "" : `; its cluster claims ${rpsText(claimRps)}`;
  const proven = `${PROOF_FACTOR} times the ${rpsText(provenRps)} that callers were served well`;
  if (anchorRps < PROOF_FACTOR * provenRps) return `, no more than ${proven}${claim}`;
  return `, no more than its cluster first claimed and callers have not proved${claim}`;
}

function learnedText({ capacity }: LearnedDestination): string {
  if (capacity === undefined) return "";
  const { loadRps, utilisation, rounds } = capacity;
  return `, learned in ${rounds} rounds, last from ${rpsText(loadRps)} at ${perCent(utilisation * 10_000)} busy`;
}

function doubtText({ doubt }: LearnedDestination): string {
  if (doubt === undefined) return "";
  const times = doubt.times === 1 ? "once" : `${doubt.times} times`;
  return `, its cluster's word was refuted ${times} by what callers saw`;
}
