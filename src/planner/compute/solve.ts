import { WEIGHT_TOTAL } from "../../model/destination.ts";
import { costAt, loadAtSlope } from "../optimise/curve.ts";
import { optimise } from "../optimise/optimise.ts";
import type { TransportPlan, TransportProblem } from "../optimise/problem.ts";
import { roundToWeights } from "../optimise/round-to-weights.ts";
import { takeTurns } from "../turns.ts";
import { wayMs } from "./network.ts";
import { rankAt } from "./turns.ts";
import { ceilingsOf, cheapestSizes, exchangedSizes, totalsOf, uniformSizes } from "./release.ts";
import type { Sizes } from "./release.ts";
import type { Divisible, Division } from "./subject.ts";

/** Most load of each destination, rps. */
export type Limits = readonly number[];

/** The best division that was found, with the proof of how good it is. */
export interface Solution {
  readonly division: Division;
  readonly sizes: Sizes;
  /**
   * No division within the limits can beat it, ms * requests per second; where failover orders bind, none by the same parts of
   * each source's requests for each version and turn.
   */
  readonly bound: number;
  /** What one more request per second costs at each destination, the price of its limit included, ms. */
  readonly pricesMs: readonly number[];
  /** Factor by which limits had to be raised. */
  readonly overload: number;
  /** The problem that the division solves, with its sizes given. */
  readonly transport: Transport;
}

/** A transport problem of a subject, and its plan. */
interface Transport {
  readonly problem: TransportProblem;
  readonly flows: readonly Flow[];
  readonly plan: TransportPlan;
}

/** Certified relative gap at which searching ends: below what integer weights cost. */
const GAP = 1e-5;

/** Rounds of choosing sources for a release. A round moves whole sources; a few find the right ones. */
const ROUNDS_MAX = 30;

/** Halvings of a round's step. */
const HALVINGS = 8;

/**
 * Divides a service's requests. A release makes this two choices at once: which sources send how much to each version, and
 * where it goes. Given the first, the second is a transport problem; its prices say what one more request of each source would
 * cost with each version, and so which sources should send theirs instead (Frank and Wolfe's method over the sizes: a greedy
 * choice under the ceilings or, between two of those, an exchange of two sources per version; each with a line search). The
 * same prices bound the joint problem from below.
 */
export function solve(subject: Divisible, limits: Limits, roundsMax = ROUNDS_MAX): Solution {
  if (subject.versions.length === 1) return solutionOf(subject, uniformSizes(subject), limits);
  const first = solutionOf(subject, uniformSizes(subject), limits);
  let best = solutionOf(subject, cheapestSizes(subject, costsOf(subject, first)), limits);
  for (let round = 0; round < roundsMax; round += 1) {
    const costs = costsOf(subject, best);
    const wanted = cheapestSizes(subject, costs);
    const bound = hasOrders(subject) ? best.bound : Math.max(best.bound, jointBound(subject, best, limits));
    best = { ...best, bound };
    if (savingOf(subject, best, wanted) <= GAP * Math.abs(bound)) break;
    const next = round % 2 === 0 ? wanted : exchangedSizes(subject, best.sizes, costs);
    best = { ...stepTo(subject, best, { wanted: next, limits }), bound };
  }
  return best;
}

function hasOrders({ service }: Divisible): boolean {
  return service.policy.failover !== undefined;
}

function solutionOf(subject: Divisible, sizes: Sizes, limits: Limits): Solution {
  const { problem, flows } = problemOf(subject, sizes, limits);
  const plan = optimise(problem, { gap: GAP });
  const division = subject.sources.map(() => subject.destinations.map(() => 0));
  for (const [index, { from }] of flows.entries()) {
    const row = division[from];
    for (const [at, amount] of (plan.amountsRps[index] ?? []).entries())
      if (row !== undefined && amount > 0) row[at] = (row[at] ?? 0) + amount;
  }
  // With a release the bound holds for these sizes alone, and the joint one takes its place. That knows no failover orders.
  const bound = subject.versions.length === 1 || hasOrders(subject) ? plan.bound : -Infinity;
  const transport = { problem, flows, plan };
  return { division, sizes, bound, pricesMs: plan.pricesMs, overload: plan.overload, transport };
}

/**
 * Integer weights, source → destination, of a solution without a release, so that no limit is exceeded for a basis point.
 * Nothing gets one that got nothing: a route would have a destination more.
 */
export function weightsOfSolution(subject: Divisible, { transport }: Solution): readonly (readonly number[])[] {
  const { problem, flows, plan } = transport;
  const costsMs = problem.costsMs.map((row, flow) =>
    row.map((cost, place) => ((plan.amountsRps[flow]?.[place] ?? 0) > 0 ? cost : Infinity)),
  );
  const rows = roundToWeights({ ...problem, costsMs }, plan, WEIGHT_TOTAL);
  const none = subject.destinations.map(() => 0);
  return subject.sources.map((_, source) => rows[flows.findIndex(({ from }) => from === source)] ?? none);
}

interface Flow {
  readonly from: number;
  readonly at: number;
  readonly rps: number;
  /** Turn of the failover order in which it finds its place; undefined: any. */
  readonly rank?: number;
}

function problemOf(
  subject: Divisible,
  sizes: Sizes,
  limits: Limits,
): { readonly problem: TransportProblem; readonly flows: readonly Flow[] } {
  const whole = sizes.flatMap((row, from) => row.map((rps, at) => ({ from, at, rps }))).filter(({ rps }) => rps > 0);
  const flows = inTurn(subject, whole, limits);
  const { destinations, fixedRps, ceilingsRps } = subject;
  const problem = {
    demandsRps: flows.map(({ rps }) => rps),
    places: destinations.map(({ curve }, at) => ({
      curve,
      limitRps: limits[at] ?? Infinity,
      fixedRps: fixedRps?.[at] ?? 0,
    })),
    costsMs: flows.map(({ from, at, rank }) =>
      destinations.map((_, to) =>
        rank === undefined || rank === rankAt(subject, from, to) ? pairCost(subject, { from, at, to }) : Infinity,
      ),
    ),
    ...((subject.service.policy.maxShare < 1 || ceilingsRps !== undefined) && {
      ceilingsRps: flows.map(({ from }) => destinations.map((_, to) => ceilingAt(subject, from, to))),
    }),
  };
  return { problem, flows };
}

/** Most of a source at a destination, rps. */
function ceilingAt({ sources, service, ceilingsRps }: Divisible, from: number, to: number): number {
  const most = service.policy.maxShare < 1 ? service.policy.maxShare * (sources[from]?.demandRps ?? 0) : Infinity;
  return Math.min(most, ceilingsRps?.[from]?.[to] ?? Infinity);
}

/** Flows divided by the turns of their failover orders, as far as there is room. */
function inTurn(subject: Divisible, flows: readonly Flow[], limits: Limits): readonly Flow[] {
  const { service, destinations, fixedRps } = subject;
  if (service.policy.failover === undefined) return flows;
  const costsMs = flows.map(({ from, at }) => destinations.map((_, to) => pairCost(subject, { from, at, to })));
  const turns = takeTurns({
    demandsRps: flows.map(({ rps }) => rps),
    roomsRps: destinations.map((_, to) => Math.max(0, (limits[to] ?? Infinity) - (fixedRps?.[to] ?? 0))),
    ranks: flows.map(({ from }, flow) =>
      destinations.map((_, to) => (costsMs[flow]?.[to] === Infinity ? undefined : rankAt(subject, from, to))),
    ),
    ceilingsRps: flows.map(({ from }) => destinations.map((_, to) => ceilingAt(subject, from, to))),
    costsMs,
  });
  return turns.flatMap(({ flow, rank, rps }): readonly Flow[] => {
    const found = flows[flow];
    return found === undefined ? [] : [{ ...found, rps, ...(rank !== undefined && { rank }) }];
  });
}

interface Pair {
  readonly from: number;
  readonly at: number;
  readonly to: number;
}

/** What a request of one source's version costs on its way to a destination, ms; infinite where it may not go. */
function pairCost(subject: Divisible, { from, at, to }: Pair): number {
  const way = subject.ways[from]?.[to];
  const isOpen = subject.destinations[to]?.version === subject.versions[at];
  if (way === undefined || !isOpen || subject.exclusions[from]?.[to] !== undefined) return Infinity;
  return wayMs(way);
}

/** What one more request per second of each source costs with each version, ms. */
function costsOf(subject: Divisible, { pricesMs }: Solution): Sizes {
  return subject.sources.map((_, from) =>
    subject.versions.map((__, at) =>
      subject.destinations.reduce(
        (least, ___, to) => Math.min(least, pairCost(subject, { from, at, to }) + (pricesMs[to] ?? 0)),
        Infinity,
      ),
    ),
  );
}

interface Search {
  readonly wanted: Sizes;
  readonly limits: Limits;
}

/** What the move to other sizes would save if prices stayed, ms * requests per second. */
function savingOf(subject: Divisible, current: Solution, wanted: Sizes): number {
  const costs = costsOf(subject, current);
  return sumOver(costs, (from, at) => (current.sizes[from]?.[at] ?? 0) - (wanted[from]?.[at] ?? 0));
}

function sumOver(costs: Sizes, amountAt: (from: number, at: number) => number): number {
  let sum = 0;
  for (const [from, row] of costs.entries())
    for (const [at, cost] of row.entries()) if (cost !== Infinity) sum += cost * amountAt(from, at);
  return sum;
}

/** The point on the way to other sizes at which going on saves nothing more. */
function stepTo(subject: Divisible, current: Solution, { wanted, limits }: Search): Solution {
  const between = (share: number): Solution => {
    const sizes = current.sizes.map((row, from) =>
      row.map((size, at) => size + share * ((wanted[from]?.[at] ?? 0) - size)),
    );
    return solutionOf(subject, sizes, limits);
  };
  // What going on still saves, as the whole way at the prices there.
  const onwards = (solution: Solution): number =>
    sumOver(costsOf(subject, solution), (from, at) => (current.sizes[from]?.[at] ?? 0) - (wanted[from]?.[at] ?? 0));
  const end = between(1);
  if (onwards(end) >= 0) return end;
  let [low, high, best] = [0, 1, current];
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const middle = (low + high) / 2;
    const found = between(middle);
    if (onwards(found) >= 0) [low, best] = [middle, found];
    else high = middle;
  }
  return best;
}

/**
 * Weak duality for sizes and places together: at any prices, no division costs less than its requests at those prices, and
 * each destination's latency less what they pay for it. Ceilings per pair are left out, which only lowers it.
 */
function jointBound(subject: Divisible, solution: Solution, limits: Limits): number {
  const costs = costsOf(subject, solution);
  const places = subject.destinations.reduce((sum, { cost }, at) => {
    const price = solution.pricesMs[at] ?? 0;
    const limit = (limits[at] ?? Infinity) * Math.max(1, solution.overload);
    const load = Math.min(limit, loadAtSlope(cost, price, limit / 2));
    return sum + costAt(cost, load) - price * load;
  }, 0);
  return places + leastOf(subject, costs);
}

/** The least that all requests can cost at given costs, were each version alone in choosing its sources. */
function leastOf(subject: Divisible, costs: Sizes): number {
  const [ceilings, totals] = [ceilingsOf(subject), totalsOf(subject)];
  const finite = (cost: number | undefined): number => (cost === undefined || cost === Infinity ? 0 : cost);
  const stable = subject.sources.reduce((sum, { demandRps }, from) => sum + demandRps * finite(costs[from]?.[0]), 0);
  const extras = totals.slice(1).map((total, index) => {
    const pairs = subject.sources
      .map((_, from) => ({
        extraMs: finite(costs[from]?.[index + 1]) - finite(costs[from]?.[0]),
        most: ceilings[from]?.[index + 1] ?? 0,
      }))
      .toSorted((a, b) => a.extraMs - b.extraMs);
    let missing = total;
    return pairs.reduce((sum, { extraMs, most }) => {
      const part = Math.min(missing, most);
      missing -= part;
      return sum + part * extraMs;
    }, 0);
  });
  return stable + extras.reduce((sum, extra) => sum + extra, 0);
}
