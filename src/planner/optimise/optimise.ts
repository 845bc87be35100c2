import { balance } from "./balance.ts";
import { dualBound, isWithin, marginalPrices, objectiveOf } from "./certificate.ts";
import { emptyDivision, roomOf, settleLoads } from "./division.ts";
import type { Division } from "./division.ts";
import { findPaths, noPaths } from "./paths.ts";
import type { Paths } from "./paths.ts";
import type { TransportPlan, TransportProblem } from "./problem.ts";
import { pushTo } from "./push.ts";
import { relieve } from "./relief.ts";
import { largestCost, startCold, startWarm } from "./start.ts";

/** How far to go, and from where. */
export interface OptimiseOptions {
  /** Certified relative gap that is good enough. */
  readonly gap?: number;
  /** Amounts of an earlier plan of the same flows and places; saves most of the work when little has changed. */
  readonly start?: readonly (readonly number[])[];
}

/**
 * Where nobody says: so near that the order of flows and places makes no difference that matters. The last steps are few,
 * so a wider gap saves next to nothing; it only lets a warm start stay where it is.
 */
const DEFAULT_GAP = 1e-9;

/**
 * The best division, with the proof of how good it is. Pure and deterministic; ends after a number of rounds that follows from the size, with the
 * gap that it has got to.
 *
 * Convex successive shortest paths: Dijkstra's algorithm over the residual graph of places finds what pays most to move
 * (paths.ts), exact line searches move it (push.ts), and places joined by divided flows are brought onto one level at once
 * (balance.ts), where moves between two places at a time would only creep. No cycle of moves ever saves anything on the
 * way, so the paths' prices certify the division (certificate.ts). Limits bind exactly: a full place takes part in ways,
 * not as their end.
 *
 * Ceilings that leave a flow no way to be placed whole are widened alike by the least factor that does.
 */
export function optimise(problem: TransportProblem, options: OptimiseOptions = {}): TransportPlan {
  const { gap = DEFAULT_GAP, start } = options;
  const plan = search(problem, gap, start);
  // A start far beyond limits leaves prices in which small costs drown: the search then stands still before its end.
  const hasEnded = start === undefined || plan.gap <= Math.max(gap, DEFAULT_GAP);
  return hasEnded ? plan : search(problem, gap, undefined);
}

function search(problem: TransportProblem, gap: number, start: OptimiseOptions["start"]): TransportPlan {
  const division = emptyDivision(problem);
  const paths = noPaths(division.places);
  const isWarm = start !== undefined && startWarm(division, paths, start);
  if (!isWarm) startCold(division, paths);
  const overload = relieve(division, paths, grainOf(division));
  improve(division, paths, gap);
  settleLoads(division);
  return planOf(division, paths, { gap, overload });
}

/** Costs that differ by less than this are equal but for roundings, ms. */
function grainOf(division: Division): number {
  return 1e-12 * largestCost(division) + 1e-13 * largest(division.slopes);
}

function largest(values: Float64Array): number {
  let most = 0;
  for (let index = 0; index < values.length; index++) most = Math.max(most, values[index] as number);
  return most;
}

/** More than any problem has been seen to take; a round is one search for paths. */
function mostRounds({ flows, places }: Division): number {
  return 200 + 20 * (flows + places);
}

/** Part of the gap that the search takes for the whole of it, so that roundings do not spoil what was asked for. */
const SURE = 0.99;

/** Levels that differ by less than this part of what a request may cost too much are one level. */
const NEAR = 0.05;

function improve(division: Division, paths: Paths, gap: number): void {
  const grain = 1e-12 * largestCost(division);
  const total = division.demands.reduce((sum, demand) => sum + demand, 0);
  for (let round = mostRounds(division); round > 0; round--) {
    findPaths(division, paths, division.slopes);
    const allowed = SURE * gap * objectiveOf(division);
    if (isWithin(allowed, division, paths.prices)) return;
    const grainMs = grain + 1e-13 * largest(division.slopes);
    const nearMs = Math.max(grainMs, (NEAR * allowed) / total);
    let hasMoved = false;
    for (const target of targetsOf(division, paths, grainMs))
      hasMoved = pushTo(division, paths, target, grainMs) || hasMoved;
    if (!hasMoved) return;
    for (let pass = division.places; pass > 0 && balance(division, paths, nearMs); pass--);
    if (round % 16 === 0) settleLoads(division);
  }
}

/** Places where it pays to move something to, the best first. */
function targetsOf(division: Division, { prices, parents }: Paths, grainMs: number): readonly number[] {
  const gain = (place: number) => (prices[place] as number) - (division.slopes[place] as number);
  const found: number[] = [];
  for (let place = 0; place < division.places; place++)
    if (parents[place] !== -1 && gain(place) > grainMs && roomOf(division, place) > 0) found.push(place);
  // oxlint-disable-next-line unicorn/no-array-sort -- made here
  return found.length > 1 ? found.sort((a, b) => gain(b) - gain(a) || a - b) : found;
}

function planOf(
  division: Division,
  { prices }: Paths,
  { gap: asked, overload }: { readonly gap: number; readonly overload: number },
): TransportPlan {
  const { flows, places, amounts } = division;
  const objective = objectiveOf(division);
  const marginal = marginalPrices(division, prices);
  // Either set of prices may prove more, unless the first proves all that is asked for.
  const allowed = asked * objective;
  const first = dualBound(division, prices, allowed);
  const isTight = objective - first <= allowed;
  const bound = Math.min(objective, isTight ? first : Math.max(first, dualBound(division, marginal, allowed)));
  const amountsRps: number[][] = [];
  const unplaceable: number[] = [];
  for (let flow = 0; flow < flows; flow++) {
    // oxlint-disable-next-line unicorn/no-new-array -- as large as it has to be at once: there are many of these
    const row = new Array<number>(places);
    for (let place = 0; place < places; place++) row[place] = amounts[flow * places + place] as number;
    amountsRps.push(row);
    if (!isPlaceable(division, flow)) unplaceable.push(flow);
  }
  const gap = objective > 0 ? (objective - bound) / objective : 0;
  return { amountsRps, objective, bound, gap, pricesMs: Array.from(marginal), overload, unplaceable };
}

function isPlaceable({ costs, places }: Division, flow: number): boolean {
  for (let pair = flow * places; pair < (flow + 1) * places; pair++) if (costs[pair] !== Infinity) return true;
  return false;
}
