import { curvatureOf, loadAtSlope } from "./curve.ts";
import type { CostCurve } from "./curve.ts";
import { setAmount, setLoad } from "./division.ts";
import type { Division } from "./division.ts";
import type { Paths } from "./paths.ts";

/**
 * A tree of places joined by flows that are divided between them. Load can be moved freely inside it, so at the optimum all of
 * its places lie on one level: their slopes differ from their prices by the same. Arcs are listed from the root outwards.
 */
interface Tree {
  readonly places: number[];
  readonly arcs: Arc[];
}

/** A flow's amount at a place that may grow and shrink; `parent` is the arc towards the root, undefined at the root. */
interface Arc {
  readonly flow: number;
  readonly place: number;
  /** True when the flow lies nearer to the root than the place. */
  readonly isFlowAbove: boolean;
}

/**
 * Brings every tree of places onto its level, the exact minimum over all amounts that are neither nothing nor at their
 * ceiling. On the way an amount may become nothing: the step ends there, and the next pass does without it.
 *
 * @param grainMs - places whose levels differ by less are on one level.
 * @returns whether an amount became nothing, so that another pass may find more.
 */
export function balance(division: Division, paths: Paths, grainMs: number): boolean {
  let isCut = false;
  for (const tree of treesOf(division)) isCut = balanceTree(division, paths, tree, grainMs) || isCut;
  return isCut;
}

/** Spanning trees of the places that are joined by divided flows. */
function treesOf(division: Division): readonly Tree[] {
  const { flows, places, spread } = division;
  const joints = Array.from({ length: places }, (): number[] => []);
  const ends = new Map<number, number[]>();
  for (let flow = 0; flow < flows; flow++) {
    if ((spread[flow] as number) < 2) continue;
    const free = freePlaces(division, flow);
    if (free.length < 2) continue;
    ends.set(flow, free);
    for (const place of free) (joints[place] as number[]).push(flow);
  }
  const seen = new Uint8Array(places);
  const trees: Tree[] = [];
  for (let place = 0; place < places; place++)
    if (seen[place] === 0 && (joints[place] as number[]).length > 0) trees.push(grow(place, { joints, ends, seen }));
  return trees;
}

/** Places where the flow's amount may grow and shrink. */
function freePlaces({ amounts, ceilings, places }: Division, flow: number): number[] {
  const free: number[] = [];
  for (let place = 0; place < places; place++) {
    const amount = amounts[flow * places + place] as number;
    if (amount > 0 && amount < (ceilings?.[flow * places + place] ?? Infinity)) free.push(place);
  }
  return free;
}

interface Forest {
  /** Divided flows at each place. */
  readonly joints: readonly (readonly number[])[];
  /** Places of each divided flow; a flow is taken out once it is in a tree. */
  readonly ends: Map<number, readonly number[]>;
  readonly seen: Uint8Array;
}

function grow(root: number, { joints, ends, seen }: Forest): Tree {
  const tree: Tree = { places: [root], arcs: [] };
  seen[root] = 1;
  for (const place of tree.places) {
    for (const flow of joints[place] as readonly number[]) {
      const others = ends.get(flow);
      if (others === undefined) continue;
      ends.delete(flow);
      tree.arcs.push({ flow, place, isFlowAbove: false });
      for (const other of others) {
        if (seen[other] === 1) continue;
        seen[other] = 1;
        tree.places.push(other);
        tree.arcs.push({ flow, place: other, isFlowAbove: true });
      }
    }
  }
  return tree;
}

function balanceTree(division: Division, { prices }: Paths, tree: Tree, grainMs: number): boolean {
  if (tree.places.length < 2) return false;
  const level = levelOf(division, prices, tree, grainMs);
  if (level === undefined) return false;
  const changes = changesOf(division, tree, level);
  const step = stepOf(division, tree, changes);
  for (const [index, place] of tree.places.entries()) {
    const load = division.loads[place] as number;
    setLoad(division, place, load + step * ((level[index] as number) - load));
  }
  for (const [index, { flow, place }] of tree.arcs.entries()) {
    const amount = division.amounts[flow * division.places + place] as number;
    setAmount(division, flow, place, amount + step * (changes[index] as number));
  }
  return step < 1;
}

/** How each arc has to change for the loads to be reached: from the leaves inwards, what is above makes up for what is below. */
function changesOf({ loads }: Division, { places, arcs }: Tree, level: Float64Array): Float64Array {
  const missing = new Map<number, number>();
  for (const [index, place] of places.entries())
    missing.set(place, (level[index] as number) - (loads[place] as number));
  const given = new Map<number, number>();
  const changes = new Float64Array(arcs.length);
  for (let index = arcs.length - 1; index >= 0; index--) {
    const { flow, place, isFlowAbove } = arcs[index] as Arc;
    const change = isFlowAbove ? (missing.get(place) ?? 0) : -(given.get(flow) ?? 0);
    changes[index] = change;
    if (isFlowAbove) given.set(flow, (given.get(flow) ?? 0) + change);
    else missing.set(place, (missing.get(place) ?? 0) - change);
  }
  return changes;
}

/** The part of the changes, at most all, after which an amount is nothing or at its ceiling. */
function stepOf({ amounts, ceilings, places }: Division, { arcs }: Tree, changes: Float64Array): number {
  let step = 1;
  for (const [index, { flow, place }] of arcs.entries()) {
    const change = changes[index] as number;
    const amount = amounts[flow * places + place] as number;
    const room = change < 0 ? amount : (ceilings?.[flow * places + place] ?? Infinity) - amount;
    if (room < Math.abs(change) * step) step = room / Math.abs(change);
  }
  return step;
}

const MOST_STEPS = 80;

/** A level and what the places of a tree carry there, in the tree's order. */
interface Filling {
  readonly level: number;
  readonly loads: Float64Array;
  readonly sum: number;
}

/**
 * The loads, summing to what there is, at which all places of a tree lie on one level; undefined when they do already.
 * Newton's method on the level, kept in a bracket.
 */
function levelOf(division: Division, prices: Float64Array, tree: Tree, grainMs: number): Float64Array | undefined {
  const level = { prices, tree, ...boundsOf(division, tree) };
  let [low, high] = endsOf(division, level);
  if (!(high.level - low.level > grainMs)) return undefined;
  const total = tree.places.reduce((sum, place) => sum + (division.loads[place] as number), 0);
  let wanted = (low.level + high.level) / 2;
  for (let step = 0; step < MOST_STEPS && high.level - low.level > 1e-15 * Math.abs(high.level); step++) {
    const found = fill(division, level, { low, high, wanted });
    if (Math.abs(found.sum - total) <= 1e-14 * total) return found.loads;
    if (found.sum < total) low = found;
    else high = found;
    const next = wanted + (total - found.sum) / found.growth;
    wanted = next > low.level && next < high.level ? next : (low.level + high.level) / 2;
  }
  // Where slopes are flat, a whole range of loads lies on one level: the point between the ends that has the right sum will do.
  const part = high.sum > low.sum ? (total - low.sum) / (high.sum - low.sum) : 0;
  return low.loads.map((load, index) => load + part * ((high.loads[index] as number) - load));
}

interface Levelling {
  readonly prices: Float64Array;
  readonly tree: Tree;
  /** Between which loads each place can get by the tree's arcs alone. */
  readonly least: Float64Array;
  readonly most: Float64Array;
}

function boundsOf({ loads, limits, amounts, places }: Division, tree: Tree): Omit<Levelling, "prices" | "tree"> {
  let all = 0;
  const least = Float64Array.from(tree.places, (place) => loads[place] as number);
  const rank = new Map(tree.places.map((place, index) => [place, index]));
  for (const { flow, place } of tree.arcs) {
    const amount = amounts[flow * places + place] as number;
    const index = rank.get(place) as number;
    least[index] = (least[index] as number) - amount;
    all += amount;
  }
  const most = Float64Array.from(tree.places, (place, index) =>
    Math.max(loads[place] as number, Math.min(limits[place] as number, (least[index] as number) + all)),
  );
  return { least, most };
}

/** The lowest and the highest level of a tree's places: what they carry together lies between what they would on either. */
function endsOf(division: Division, level: Levelling): [Filling, Filling] {
  const levels = level.tree.places.map((place) => (division.slopes[place] as number) - (level.prices[place] as number));
  const here = Float64Array.from(level.tree.places, (place) => division.loads[place] as number);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const least = { level: low, loads: level.least, sum: 0 };
  const most = { level: high, loads: level.most, sum: 0 };
  const current = (wanted: number) => ({ level: wanted, loads: here, sum: 0 });
  return [
    fill(division, level, { low: least, high: current(high), wanted: low }),
    fill(division, level, { low: current(low), high: most, wanted: high }),
  ];
}

/**
 * What the places carry at a level between two others, and by how much it grows with the level. Each place's load is kept
 * between those of the two: where slopes are flat, their inverse is not exact.
 */
function fill(
  { curves, loads }: Division,
  { prices, tree }: Levelling,
  { low, high, wanted }: { readonly low: Filling; readonly high: Filling; readonly wanted: number },
): Filling & { readonly growth: number } {
  const found = new Float64Array(tree.places.length);
  let [sum, growth] = [0, 0];
  for (const [index, place] of tree.places.entries()) {
    const curve = curves[place] as CostCurve;
    const slope = wanted + (prices[place] as number);
    const free = loadAtSlope(curve, slope, loads[place] as number);
    const load = Math.min(high.loads[index] as number, Math.max(low.loads[index] as number, free));
    if (load === free) growth += 1 / curvatureOf(curve, load, slope);
    found[index] = load;
    sum += load;
  }
  return { level: wanted, loads: found, sum, growth };
}
