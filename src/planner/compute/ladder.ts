import { WEIGHT_TOTAL } from "../../model/destination.ts";
import { apportion } from "../apportion.ts";
import { widest } from "../capability.ts";
import type { Fallback, Rung } from "./computed.ts";
import { localityFailover, waterfall } from "./fallbacks.ts";
import { solve, weightsOfSolution } from "./solve.ts";
import type { Limits, Solution } from "./solve.ts";
import { loadsOf } from "./subject.ts";
import type { Division, Subject } from "./subject.ts";
import { rankAt } from "./turns.ts";
import { valueOf } from "./value.ts";
import type { Value } from "./value.ts";

/** The division that a service gets, and how it came to be. */
export interface Choice {
  readonly rung: Rung;
  /** Rounded to weights. */
  readonly division: Division;
  /** As computed, before rounding. */
  readonly exact: Division;
  readonly weights: readonly (readonly number[])[];
  readonly value: Value;
  /** The search's prices and limits, whatever was chosen in the end. */
  readonly solution: Solution;
  readonly fallbacks: readonly Fallback[];
  /** The subject with what the meshes' number of destinations excludes. */
  readonly subject: Subject;
}

/** Differences of value below this share are rounding. */
const SAME = 1e-9;

/**
 * The optimum, unless a fallback does better by the same model: then the better fallback. All of them are judged after they
 * are rounded to weights. A fallback that overfills destinations more than the optimum does, or breaks a policy, is no rival.
 */
export function choose(subject: Subject, limits: Limits): Choice {
  const { solution, narrowed } = withinMeshes(subject, limits);
  const base = { solution, subject: narrowed };
  // With a release or turns to keep, rounding by cost would take from the version that costs more, source after source.
  const isPlain = narrowed.versions.length === 1 && narrowed.service.policy.failover === undefined;
  const weights = isPlain ? weightsOfSolution(narrowed, solution) : undefined;
  const optimum = candidate(narrowed, { rung: "optimum", exact: solution.division, weights });
  const rivals = [
    candidate(subject, { rung: "waterfall", exact: waterfall(subject) }),
    candidate(subject, { rung: "locality-failover", exact: localityFailover(subject) }),
  ];
  const fallbacks = rivals.map(({ rung, value }) => ({
    rung,
    objectiveMs: value.servedRps === 0 ? 0 : value.objective / value.servedRps,
    filling: value.filling,
  }));
  const chosen = rivals
    .filter((rival) => keepsPolicy(subject, rival.division) && isBetter(rival.value, optimum.value))
    .reduce((best, rival) => (isBetter(rival.value, best.value) ? rival : best), optimum);
  return { ...chosen, ...base, fallbacks };
}

type Candidate = Pick<Choice, "rung" | "division" | "exact" | "weights" | "value">;

interface Computed {
  readonly rung: Rung;
  readonly exact: Division;
  /** Undefined: the largest remainders. */
  readonly weights?: Choice["weights"] | undefined;
}

function candidate(subject: Subject, { rung, exact, weights: given }: Computed): Candidate {
  const weights = given ?? exact.map((row) => weightsOf(subject, row));
  const division = weights.map((row, from) =>
    row.map((weight) => (weight / WEIGHT_TOTAL) * (subject.sources[from]?.demandRps ?? 0)),
  );
  return { rung, exact, weights, division, value: valueOf(subject, division) };
}

/** Integer weights of a source, in the order of the destinations; all 0 when nobody serves it. */
function weightsOf({ destinations, service }: Subject, row: readonly number[]): readonly number[] {
  const shares = destinations.flatMap((destination, at) => {
    const amount = row[at] ?? 0;
    return amount > 0 ? [{ destination: { cluster: destination.cluster, version: destination.version }, amount }] : [];
  });
  if (shares.length === 0) return destinations.map(() => 0);
  const split = apportion(shares, service.name);
  return destinations.map(
    ({ cluster, version }) =>
      split.find(({ destination }) => destination.cluster === cluster && destination.version === version)?.weight ?? 0,
  );
}

/** Serving more comes first, then value. A value that is no number is worse than any. */
function isBetter(value: Value, than: Value): boolean {
  if (!Number.isFinite(than.objective)) return Number.isFinite(value.objective);
  const isWithin = value.filling <= Math.max(1, than.filling) * (1 + SAME);
  if (!isWithin || value.servedRps < than.servedRps * (1 - SAME)) return false;
  return value.servedRps > than.servedRps * (1 + SAME) || value.objective < than.objective * (1 - SAME);
}

/** Most of one destination's share, the number of destinations that each mesh takes, and failover orders. */
function keepsPolicy(subject: Subject, division: Division): boolean {
  const { sources, service } = subject;
  const isKept = division.every((row, from) => {
    const { demandRps = 0, destinationsMax = 0 } = sources[from] ?? {};
    const used = row.filter((amount) => amount > 0);
    const most = service.policy.maxShare * demandRps * (1 + 1 / WEIGHT_TOTAL);
    return used.length <= destinationsMax && used.every((amount) => amount <= most);
  });
  return isKept && (service.policy.failover === undefined || keepsTurns(subject, division));
}

/** Whether nobody sends anything to a later turn while an earlier one has room. */
function keepsTurns(subject: Subject, division: Division): boolean {
  const { destinations, exclusions } = subject;
  const loads = loadsOf(subject, division);
  const hasRoom = (to: number): boolean => (loads[to] ?? 0) < (destinations[to]?.limitRps ?? 0) * (1 - FULL_SLACK);
  return division.every((row, from) =>
    row.every((amount, to) => {
      const isEarlier = (other: number): boolean =>
        destinations[other]?.version === destinations[to]?.version &&
        exclusions[from]?.[other] === undefined &&
        rankAt(subject, from, other) < rankAt(subject, from, to);
      return amount === 0 || !destinations.some((_, other) => isEarlier(other) && hasRoom(other));
    }),
  );
}

/** A destination is full from this part below its limit on: divisions are rounded to weights. */
const FULL_SLACK = 1e-3;

/**
 * Solves, and where a source uses more destinations than its mesh takes, keeps those with the most and solves again, until all
 * fit: what some give up may make others spread. The bound stays that of the problem without this.
 */
function withinMeshes(subject: Subject, limits: Limits): { readonly solution: Solution; readonly narrowed: Subject } {
  const first = solve(subject, limits);
  let [solution, narrowed] = [first, subject];
  for (;;) {
    const kept = solution.division.map((row, from) => keptOf(subject, row, from));
    if (kept.every((found) => found === undefined)) return { solution: { ...solution, bound: first.bound }, narrowed };
    const exclusions = narrowed.exclusions.map((row, from) =>
      row.map((reason, to) => {
        const most = `is beyond the ${subject.sources[from]?.destinationsMax} destinations that a route of this mesh takes`;
        return reason ?? (kept[from]?.has(to) === false ? most : undefined);
      }),
    );
    narrowed = { ...narrowed, exclusions };
    solution = solve(narrowed, limits);
  }
}

/** The destinations that a source keeps; undefined: all. The stable version keeps one in any case. */
function keptOf(
  { sources, destinations, versions }: Subject,
  row: readonly number[],
  from: number,
): ReadonlySet<number> | undefined {
  const { destinationsMax = Infinity } = sources[from] ?? {};
  const used = row.flatMap((amount, to) => (amount > 0 ? [{ to, amount }] : []));
  const wanted = used.map(({ to, amount }) => ({ amount, isStable: destinations[to]?.version === versions[0] }));
  const kept = widest(wanted, destinationsMax);
  return kept && new Set(used.flatMap(({ to }, index) => (kept.has(index) ? [to] : [])));
}
