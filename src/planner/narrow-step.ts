import type { Destination, Split, Weighted } from "../model/destination.ts";
import { compareDestinations, keyOf } from "../model/destination.ts";
import type { ServiceId } from "../model/ids.ts";
import { apportion, distanceBetween, stepToward } from "./apportion.ts";
import { weightOf } from "./eligible.ts";

/** A step of one route whose mesh takes so many destinations at most. */
export interface NarrowStep {
  readonly from: Split;
  readonly to: Split;
  /** Basis points that it may move, at most the distance between the two. */
  readonly moved: number;
  /** What of that any step may move: the rest is there for somebody to leave whole. */
  readonly maxStepWeight: number;
  /** A route that has more already may keep as many. */
  readonly destinationsMax: number;
}

/**
 * As `stepToward`, with no more destinations on the way than the mesh takes: who is to come waits until somebody has left. With
 * no place free, the smallest that leaves makes room in one go, if the step is long enough for it. So it may move less.
 */
export function narrowStep(step: NarrowStep, service: ServiceId): Split {
  const { from, to, moved, maxStepWeight } = step;
  const whole = stepToward({ from, to, moved: Math.min(moved, maxStepWeight) }, service);
  const most = Math.max(step.destinationsMax, from.length);
  if (whole.length <= most) return whole;
  const arriving = arrivalsOf(step);
  const free = most - from.length;
  if (free > 0) return towards(arriving.slice(0, free), step, service);
  const swapped = swapOne(step, arriving[0]);
  if (swapped === undefined) return towards([], step, service);
  const rest = Math.min(moved, maxStepWeight) - distanceBetween(from, swapped);
  return rest <= 0 ? swapped : narrowStep({ ...step, from: swapped, moved: rest }, service);
}

/** The least that such a step has to move to get anywhere, in basis points; 0 where it may move as little as it likes. */
export function leastMoved({ from, to, destinationsMax }: Omit<NarrowStep, "moved" | "maxStepWeight">): number {
  const arriving = arrivalsOf({ from, to });
  if (arriving.length === 0 || from.length < destinationsMax) return 0;
  return Math.min(...leaversOf({ from, to }).map(({ weight }) => weight));
}

type Ends = Pick<NarrowStep, "from" | "to">;

/** Who is to come, the largest first. */
function arrivalsOf({ from, to }: Ends): Split {
  return to
    .filter(({ destination }) => weightOf(from, destination) === 0)
    .toSorted((a, b) => b.weight - a.weight || compareDestinations(a.destination, b.destination));
}

/** Who is to leave, the smallest first. */
function leaversOf({ from, to }: Ends): Split {
  return from
    .filter(({ destination }) => weightOf(to, destination) === 0)
    .toSorted((a, b) => a.weight - b.weight || compareDestinations(a.destination, b.destination));
}

/** A step to where only some of those that are to come have come; what the others would get stays where it is. */
function towards(arriving: Split, { from, to, moved, maxStepWeight }: NarrowStep, service: ServiceId): Split {
  const isThere = ({ destination }: Weighted): boolean =>
    weightOf(from, destination) > 0 || arriving.some((found) => keyOf(found.destination) === keyOf(destination));
  const near = to.filter(isThere);
  const missing = to.reduce((sum, { weight }) => sum + weight, 0) - near.reduce((sum, { weight }) => sum + weight, 0);
  const falls = from.map(({ destination, weight }) => ({
    destination,
    amount: Math.max(0, weight - weightOf(to, destination)),
  }));
  const fallen = falls.reduce((sum, { amount }) => sum + amount, 0);
  const end = apportion(
    [
      ...near.map(({ destination, weight }) => ({ destination, amount: weight })),
      ...falls.map(({ destination, amount }) => ({
        destination,
        amount: fallen === 0 ? 0 : (amount / fallen) * missing,
      })),
    ],
    service,
  );
  return stepToward({ from, to: end, moved: Math.min(moved, maxStepWeight, distanceBetween(from, end)) }, service);
}

/** The smallest that leaves gives its place to one that comes, and what that one does not need to those that are to grow. */
function swapOne({ from, to, moved }: NarrowStep, arrival: Weighted | undefined): Split | undefined {
  const [leaver] = leaversOf({ from, to });
  if (leaver === undefined || arrival === undefined || leaver.weight > moved) return undefined;
  let left = leaver.weight;
  const take = (destination: Destination, gap: number): Weighted => {
    const part = Math.min(left, Math.max(0, gap));
    left -= part;
    return { destination, weight: weightOf(from, destination) + part };
  };
  const came = take(arrival.destination, arrival.weight);
  const others = from
    .filter(({ destination }) => keyOf(destination) !== keyOf(leaver.destination))
    .map(({ destination, weight }) => take(destination, weightOf(to, destination) - weight));
  // What nobody there needs goes where the rest of it will come from: the one that came gives it on.
  const entries = [{ ...came, weight: came.weight + left }, ...others];
  return entries.toSorted((a, b) => compareDestinations(a.destination, b.destination));
}
