import { setAmount, setLoad } from "./division.ts";
import type { Division } from "./division.ts";
import { loadsOnOneLevel } from "./level.ts";
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
 * @param nearMs - places whose levels differ by less are on one level.
 * @returns whether an amount became nothing, so that another pass may find more.
 */
export function balance(division: Division, paths: Paths, nearMs: number): boolean {
  let isCut = false;
  for (const tree of treesOf(division)) isCut = balanceTree(division, paths, tree, nearMs) || isCut;
  return isCut;
}

/** Spanning trees of the places that are joined by divided flows. */
function treesOf(division: Division): readonly Tree[] {
  const { flows, places, spread } = division;
  const ends: (readonly number[] | undefined)[] = [];
  let joints: number[][] | undefined;
  for (let flow = 0; flow < flows; flow++) {
    const free = (spread[flow] as number) < 2 ? undefined : freePlaces(division, flow);
    const isDivided = free !== undefined && free.length > 1;
    ends.push(isDivided ? free : undefined);
    if (!isDivided) continue;
    joints ??= emptyLists(places);
    for (const place of free) (joints[place] as number[]).push(flow);
  }
  if (joints === undefined) return [];
  const seen = new Uint8Array(places);
  const trees: Tree[] = [];
  for (let place = 0; place < places; place++)
    if (seen[place] === 0 && (joints[place] as number[]).length > 0) trees.push(grow(place, { joints, ends, seen }));
  return trees;
}

function emptyLists(count: number): number[][] {
  const lists: number[][] = [];
  for (let index = 0; index < count; index++) lists.push([]);
  return lists;
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
  readonly ends: (readonly number[] | undefined)[];
  readonly seen: Uint8Array;
}

function grow(root: number, { joints, ends, seen }: Forest): Tree {
  const tree: Tree = { places: [root], arcs: [] };
  seen[root] = 1;
  for (const place of tree.places) {
    for (const flow of joints[place] as readonly number[]) {
      const others = ends[flow];
      if (others === undefined) continue;
      ends[flow] = undefined;
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

function balanceTree(division: Division, { prices }: Paths, tree: Tree, nearMs: number): boolean {
  const { loads, amounts } = division;
  const { places, arcs } = tree;
  if (places.length < 2) return false;
  const { least, most } = rangesOf(division, tree);
  const level = loadsOnOneLevel(division, { places, prices, least, most, nearMs });
  if (level === undefined) return false;
  const changes = changesOf(division, tree, level);
  const step = stepOf(division, tree, changes);
  for (let index = 0; index < places.length; index++) {
    const load = loads[places[index] as number] as number;
    setLoad(division, places[index] as number, load + step * ((level[index] as number) - load));
  }
  for (let index = 0; index < arcs.length; index++) {
    const { flow, place } = arcs[index] as Arc;
    const amount = amounts[flow * division.places + place] as number;
    setAmount(division, flow, place, amount + step * (changes[index] as number));
  }
  return step < 1;
}

/** How each arc has to change for the loads to be reached: from the leaves inwards, what is above makes up for what is below. */
function changesOf({ loads }: Division, { places, arcs }: Tree, level: Float64Array): Float64Array {
  const missing = new Float64Array(loads.length);
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as number;
    missing[place] = (level[index] as number) - (loads[place] as number);
  }
  // The arcs of a flow lie together, the one towards the root before those that it joins to it.
  let given = 0;
  const changes = new Float64Array(arcs.length);
  for (let index = arcs.length - 1; index >= 0; index--) {
    const { place, isFlowAbove } = arcs[index] as Arc;
    const change = isFlowAbove ? (missing[place] as number) : -given;
    changes[index] = change;
    given = isFlowAbove ? given + change : 0;
    if (!isFlowAbove) missing[place] = (missing[place] as number) - change;
  }
  return changes;
}

/** The part of the changes, at most all, after which an amount is nothing or at its ceiling. */
function stepOf({ amounts, ceilings, places }: Division, { arcs }: Tree, changes: Float64Array): number {
  let step = 1;
  for (let index = 0; index < arcs.length; index++) {
    const { flow, place } = arcs[index] as Arc;
    const change = changes[index] as number;
    const amount = amounts[flow * places + place] as number;
    const room = change < 0 ? amount : (ceilings?.[flow * places + place] ?? Infinity) - amount;
    if (room < Math.abs(change) * step) step = room / Math.abs(change);
  }
  return step;
}

/** Between which loads each place of a tree can get by its arcs alone. */
function rangesOf({ loads, limits, amounts, places }: Division, tree: Tree): Record<"least" | "most", Float64Array> {
  let all = 0;
  const movable = new Float64Array(places);
  for (const { flow, place } of tree.arcs) {
    const amount = amounts[flow * places + place] as number;
    movable[place] = (movable[place] as number) + amount;
    all += amount;
  }
  const [least, most] = [new Float64Array(tree.places.length), new Float64Array(tree.places.length)];
  for (let index = 0; index < least.length; index++) {
    const place = tree.places[index] as number;
    const load = loads[place] as number;
    const rest = load - (movable[place] as number);
    least[index] = rest;
    most[index] = Math.max(load, Math.min(limits[place] as number, rest + all));
  }
  return { least, most };
}
