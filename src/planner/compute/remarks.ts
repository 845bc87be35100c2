import type { ComputedService } from "./computed.ts";
import type { Reserved } from "./reserve.ts";
import { percent, rps } from "./wording.ts";

/** What a person should know of a service's plan beside its numbers, the gravest first. */
export function remarksOf(answer: Omit<ComputedService, "remarks">, reserved: Reserved): readonly string[] {
  return [
    ...unserved(answer),
    ...overfull(answer, reserved),
    ...missedRelease(answer, reserved),
    ...reserves(answer, reserved),
  ];
}

function unserved({ sources, unservedRps }: Omit<ComputedService, "remarks">): readonly string[] {
  if (unservedRps === 0) return [];
  const names = sources.filter(({ weights }) => weights.length === 0).map(({ cluster }) => cluster);
  return [`nobody may serve the ${rps(unservedRps)} of ${names.join(", ")}: see why not for each destination`];
}

function overfull({ overLimitRps }: Omit<ComputedService, "remarks">, { choice }: Reserved): readonly string[] {
  if (overLimitRps === 0) return [];
  const factor = choice.value.filling;
  return [
    `${rps(overLimitRps)} find no room within the limits, which are exceeded by up to ${percent(factor - 1)}; shed them or add capacity`,
  ];
}

/** A version that gets less than its share, because too few sources may send it theirs. */
function missedRelease(_: Omit<ComputedService, "remarks">, { choice }: Reserved): readonly string[] {
  const { subject, division } = choice;
  const demandRps = subject.sources.reduce((sum, source) => sum + source.demandRps, 0);
  return subject.versions.slice(1).flatMap((version) => {
    const wanted = (subject.service.release?.shares[version] ?? 0) * demandRps;
    const got = division.reduce(
      (sum, row) =>
        sum + row.reduce((so, amount, to) => so + (subject.destinations[to]?.version === version ? amount : 0), 0),
      0,
    );
    if (got >= wanted * 0.99) return [];
    return [`${version} gets ${rps(got)} of the ${rps(wanted)} of its share: no more may be sent there`];
  });
}

/** Whether the losses that the policy names are survived, and what that costs. */
function reserves(
  { losses, isLossSurvived, objectiveMs }: Omit<ComputedService, "remarks">,
  reserved: Reserved,
): readonly string[] {
  if (isLossSurvived === undefined) return [];
  const missed = losses.filter(({ isRequired, shortAtOnceRps }) => isRequired && shortAtOnceRps > 0);
  const said = missed.map(({ cluster, shortRps, shortAtOnceRps }) =>
    shortRps > 0
      ? `the loss of ${cluster} is not survived: ${rps(shortRps)} would find no room; add capacity elsewhere`
      : `the loss of ${cluster} is survived only after planning anew: ${rps(shortAtOnceRps)} would find no room at once`,
  );
  const { unreservedObjective, choice } = reserved;
  if (unreservedObjective === undefined || choice.value.servedRps === 0) return said;
  const before = unreservedObjective / choice.value.servedRps;
  return [
    ...said,
    `room is kept free for the losses that the policy names, which costs ${percent(objectiveMs / before - 1)}`,
  ];
}
