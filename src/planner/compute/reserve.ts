import { keepRoom } from "../survival/reserve.ts";
import type { Divided } from "../survival/reserve.ts";
import { choose } from "./ladder.ts";
import type { Choice } from "./ladder.ts";
import { lossesOf } from "./losses.ts";
import type { ClusterLoss } from "./computed.ts";
import type { Limits } from "./solve.ts";
import { loadsOf } from "./subject.ts";
import type { Subject } from "./subject.ts";

/** A choice with what happens when a cluster is lost. */
export interface Reserved {
  readonly choice: Choice;
  readonly losses: readonly ClusterLoss[];
  /** Objective without the reserve, ms * requests per second; undefined: nothing had to move for it. */
  readonly unreservedObjective?: number;
  /** Limits under which the choice was made: lower than the destinations' where room is kept free. */
  readonly limits: Limits;
}

interface Judged extends Divided {
  readonly choice: Choice;
  readonly losses: readonly ClusterLoss[];
}

/**
 * Chooses so that the losses that the policy names can be survived at once, as far as there is room: what the lost cluster
 * served fits where it may go, beside what is there already.
 */
export function chooseWithReserve(subject: Subject): Reserved {
  const own = subject.destinations.map(({ limitRps }) => limitRps);
  const { divided, limitsRps, plain } = keepRoom(own, (limits) => judged(subject, limits, own));
  const { choice, losses } = divided;
  const reserved = { choice, losses, limits: limitsRps };
  return divided === plain ? reserved : { ...reserved, unreservedObjective: plain.choice.value.objective };
}

/** Losses are judged by the destinations' own limits: the reserve is there to be used. */
function judged(subject: Subject, limits: Limits, own: Limits): Judged {
  const choice = choose(subject, limits);
  const losses = lossesOf(subject, choice.division, own);
  const missed = losses
    .filter(isMissed)
    .map((loss) => ({ ...loss, refuges: refugesOf(subject, choice, loss.cluster) }));
  const isOverfull = choice.solution.overload > 1 + 1e-9;
  return { choice, losses, missed, isOverfull, loadsRps: loadsOf(subject, choice.division) };
}

function isMissed({ isRequired, shortAtOnceRps }: ClusterLoss): boolean {
  return isRequired && shortAtOnceRps > 0;
}

/** Where the requests that a cluster serves may go instead. */
function refugesOf({ destinations, exclusions }: Subject, { division }: Choice, lost: string): readonly number[] {
  const senders = division.flatMap((row, from) =>
    row.some((amount, to) => amount > 0 && destinations[to]?.cluster === lost) ? [from] : [],
  );
  return destinations.flatMap(({ cluster }, at) =>
    cluster !== lost && senders.some((from) => exclusions[from]?.[at] === undefined) ? [at] : [],
  );
}
