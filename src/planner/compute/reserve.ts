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

/** Rounds of making room. Each takes what is missing from where it is needed; more than a few only creep. */
const ROUNDS_MAX = 8;

/** Room that is made beyond what is missing, so that rounding to weights does not take it back. */
const MARGIN = 1.001;

/**
 * Chooses so that the losses that the policy names can be survived at once: what the lost cluster served fits where it may
 * go, beside what is there already. Where the others have the room but the plan uses it up for requests that could be
 * elsewhere, the limits there are lowered by what is missing, and the choice made again. Gives the plain choice back when
 * that cannot help: when room is missing altogether, or the lowered limits leave too little.
 */
export function chooseWithReserve(subject: Subject): Reserved {
  const own = subject.destinations.map(({ limitRps }) => limitRps);
  const plain = judged(subject, own, own);
  let limits: Limits = own;
  let current = plain;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const missing = current.losses.filter(isMissed);
    if (missing.length === 0) break;
    if (missing.some(({ shortRps }) => shortRps > 0)) return plain;
    limits = loweredFor(subject, current, { missing, limits });
    current = judged(subject, limits, own);
    if (current.choice.solution.overload > 1 + 1e-9) return plain;
  }
  if (current === plain) return plain;
  if (current.losses.some(isMissed)) return plain;
  return { ...current, unreservedObjective: plain.choice.value.objective };
}

function isMissed({ isRequired, shortAtOnceRps }: ClusterLoss): boolean {
  return isRequired && shortAtOnceRps > 0;
}

/** Losses are judged by the destinations' own limits: the reserve is there to be used. */
function judged(subject: Subject, limits: Limits, own: Limits): Reserved {
  const choice = choose(subject, limits);
  return { choice, limits, losses: lossesOf(subject, choice.division, own) };
}

function loweredFor(
  subject: Subject,
  { choice }: Reserved,
  { missing, limits }: { readonly missing: readonly ClusterLoss[]; readonly limits: Limits },
): Limits {
  const loads = loadsOf(subject, choice.division);
  const lowered = [...limits];
  for (const { cluster, shortAtOnceRps } of missing) {
    const needed = refugesOf(subject, choice, cluster);
    const total = needed.reduce((sum, at) => sum + (loads[at] ?? 0), 0);
    for (const at of needed) {
      const load = loads[at] ?? 0;
      const part = total > 0 ? (load / total) * shortAtOnceRps * MARGIN : 0;
      lowered[at] = Math.min(lowered[at] ?? Infinity, Math.max(0, load - part));
    }
  }
  return lowered;
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
