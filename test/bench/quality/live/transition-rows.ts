import { WEIGHT_TOTAL } from "../../../../src/model/destination.ts";
import { DEFAULT_SETTINGS } from "../../../../src/model/settings.ts";
import type { Settings } from "../../../../src/model/settings.ts";
import { seededRandom } from "../../../scenarios/seeded-random.ts";
import { rowOf } from "../../row.ts";
import type { Row } from "../../row.ts";
import { percentile } from "../../statistics.ts";
import { feltOf, fullestAtStart, fullestInWorstOrder, isViolatedInOrder } from "./apply-orders.ts";
import type { Felt } from "./apply-orders.ts";
import { playTransitions } from "./transitions.ts";
import type { Transition } from "./transitions.ts";

/** How much is played. */
export interface TransitionOptions {
  readonly services: number;
  readonly happenings: number;
  /** Orders of applying that are drawn, over all steps together. */
  readonly orders: number;
}

const CLUSTERS = 50;
const SEED = 10;

/** Steps that nine in ten transitions may take. */
const STEPS_P90_AT_MOST = 4;

/** Steps as long as is safe in any order, and nothing else that holds them back. */
const SAFE_ALONE: Settings = { ...DEFAULT_SETTINGS, routineStepWeight: WEIGHT_TOTAL, onloadMax: 1 };

/**
 * Whether the live planner's steps are safe in whatever order agents apply them, and how many a change takes, beside applying
 * it at once: as long as is safe, and within the shipped limits of a step, which are about caution and not about capacity. A
 * transition that begins where somebody has too much already is judged by itself: that is what no step can undo.
 */
export function transitionRows(options: TransitionOptions): readonly Row[] {
  const share = `${(100 * DEFAULT_SETTINGS.routineStepWeight) / WEIGHT_TOTAL} %`;
  return [
    ...rowsOf("transitions by the largest safe steps", options, { settings: SAFE_ALONE, p90AtMost: STEPS_P90_AT_MOST }),
    ...rowsOf(`transitions by steps of at most ${share} of a source`, options, { settings: DEFAULT_SETTINGS }),
  ];
}

interface Pace {
  readonly settings: Settings;
  readonly p90AtMost?: number;
}

function rowsOf(name: string, options: TransitionOptions, { settings, p90AtMost }: Pace): readonly Row[] {
  const limit = settings.stepUtilisationMax;
  const all = playTransitions({ seed: SEED, clusters: CLUSTERS, ...options }, settings);
  const played = all.filter(({ steps }) => steps.length > 0);
  const isCalm = (transition: Transition): boolean =>
    fullestAtStart(feltOf(transition.whole, transition)) <= limit * (1 + 1e-9);
  const calm = played.filter(isCalm);
  const steps = calm.flatMap((transition) => transition.steps.map((change) => feltOf(change, transition)));
  const wholes = calm.map((transition) => feltOf(transition.whole, transition));
  const counts = calm.map((transition) => transition.steps.length);
  return [
    rowOf({
      case: `${name}: orders of applying ${steps.length} steps that exceed ${limit} of a capacity / all`,
      value: violations(steps, options.orders, limit),
      rival: options.orders,
      unit: "orders",
      atMost: 0,
    }),
    rowOf({
      case: `${name}: orders of applying ${calm.length} changes at once that exceed it / all`,
      value: violations(wholes, options.orders, limit),
      rival: options.orders,
      unit: "orders",
    }),
    rowOf({
      case: `${name}: fullest in the worst order of all / at once`,
      value: Math.max(0, ...steps.map(fullestInWorstOrder)),
      rival: Math.max(0, ...wholes.map(fullestInWorstOrder)),
      unit: "of capacity",
    }),
    rowOf({
      case: `${name}: changes of ${calm.length} that some order makes unsafe / at once`,
      value: steps.filter((felt) => isUnsafe(felt, limit)).length,
      rival: wholes.filter((felt) => isUnsafe(felt, limit)).length,
      unit: "changes",
    }),
    rowOf({
      case: `${name}: steps of a change, p90 / ${STEPS_P90_AT_MOST}`,
      value: percentile(counts, 90),
      rival: STEPS_P90_AT_MOST,
      unit: "steps",
      ...(p90AtMost !== undefined && { atMost: p90AtMost / STEPS_P90_AT_MOST }),
    }),
    rowOf({
      case: `${name}: steps of a change, p50 / most`,
      value: percentile(counts, 50),
      rival: Math.max(...counts),
      unit: "steps",
    }),
    ...crowdedRows(
      name,
      played.filter((transition) => !isCalm(transition)),
    ),
  ];
}

/** Orders that exceed the limit somewhere, of so many drawn evenly over the changes. */
function violations(changes: readonly Felt[], orders: number, limit: number): number {
  const random = seededRandom(SEED);
  let found = 0;
  for (let n = 0; n < orders; n += 1) {
    const felt = changes[n % changes.length];
    if (felt !== undefined && isViolatedInOrder(felt, limit, random)) found += 1;
  }
  return found;
}

function isUnsafe(felt: Felt, limit: number): boolean {
  return fullestInWorstOrder(felt) > Math.max(limit, fullestAtStart(felt)) * (1 + 1e-9);
}

/** Who has too much already is relieved at once; receivers may be filled to their capacity meanwhile. */
function crowdedRows(name: string, crowded: readonly Transition[]): readonly Row[] {
  if (crowded.length === 0) return [];
  const felts = crowded.flatMap((transition) => transition.steps.map((change) => feltOf(change, transition)));
  const counts = crowded.map(({ steps }) => steps.length);
  return [
    rowOf({
      case: `${name}: begun with too much somewhere (${crowded.length}): steps whose worst order fills anybody above what it has or can serve`,
      value: felts.filter((felt) => isUnsafe(felt, 1)).length,
      rival: felts.length,
      unit: "steps",
      atMost: 0,
    }),
    rowOf({
      case: `${name}: begun with too much somewhere (${crowded.length}): steps, p90 / most`,
      value: percentile(counts, 90),
      rival: Math.max(...counts),
      unit: "steps",
    }),
  ];
}
