import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { Hypothetical } from "../../../src/model/hypothetical.ts";
import type { Actor, ClusterId } from "../../../src/model/ids.ts";
import type { Settings } from "../../../src/model/settings.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import type { ServicePreview } from "../../../src/model/preview.ts";
import { decide } from "../../../src/planner/decide.ts";
import { evolve } from "../../../src/planner/evolve.ts";
import { previewService } from "../../../src/planner/preview/service.ts";
import { suppose } from "../../../src/planner/preview/suppose.ts";
import { anyFleet } from "../arbitrary-fleet.ts";
import { applied, CHECKOUT, planOf, textOf } from "../planning-fleet.ts";
import type { SplitText } from "../planning-fleet.ts";

const SETTINGS: Settings = DEFAULT_SETTINGS;
const ACTOR = "operator:ana" as Actor;
const NOTHING: Hypothetical = { demands: [], capacities: [], lost: [], cordons: [], drains: [], shifts: [] };
const STEPS_MAX = 40;

type Texts = Readonly<Record<string, SplitText>>;

/** What each step changes, planned and applied one by one as the engine would. */
function reality(start: FleetState): readonly Texts[] {
  const steps: Texts[] = [];
  let [state, now] = [start, {} as Texts];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const planning = planOf(state, SETTINGS);
    const next = textsOf(planning.splits);
    steps.push(next);
    state = applied(state, planning);
    if (planning.isFinalStep || JSON.stringify(next) === JSON.stringify(now)) break;
    now = next;
  }
  return steps;
}

function textsOf(splits: Readonly<Record<string, Parameters<typeof textOf>[0]>>): Texts {
  return Object.fromEntries(Object.entries(splits).map(([name, split]) => [name, textOf(split)]));
}

function previewed(before: FleetState, after: FleetState): ServicePreview {
  const work = previewService(CHECKOUT, { before, after }, SETTINGS);
  for (;;) {
    const step = work.next();
    if (step.done !== true) continue;
    if (step.value === undefined) throw new Error("there is no service");
    return step.value;
  }
}

/** All splits after each step of a preview, which tells only what a step changes. */
function stepsOf({ splits, steps }: ServicePreview): readonly Texts[] {
  let now = textsOf(splits);
  return steps.map(({ changes }) => {
    now = { ...now, ...textsOf(changes) };
    return now;
  });
}

describe("a preview", () => {
  it("takes the very steps that are taken once a cluster is drained", () => {
    let drained = 0;
    fc.assert(
      fc.property(anyFleet, fc.nat(), (state, pick) => {
        const names = [...state.clusters.keys()];
        const cluster = names[pick % names.length] ?? ("" as ClusterId);
        const drain = { maxStepWeight: 3_000, bakeMs: 0, force: "over-capacity" } as const;
        const supposed = suppose(
          state,
          { ...NOTHING, drains: [{ cluster, drain }] },
          { atMs: state.atMs, actor: ACTOR, settings: SETTINGS },
        );
        const command = { kind: "drain-cluster", cluster, drain } as const;
        const decided = decide(
          state,
          { command, atMs: state.atMs, actor: ACTOR, requestId: "", requestDigest: "" },
          SETTINGS,
        );
        expect(supposed.ok).toBe(decided.ok);
        if (!supposed.ok || !decided.ok) return;
        const { incarnation, epoch, atMs, sequence } = state;
        const named = { writer: "p", nonce: "n", command, actor: ACTOR };
        const really = evolve(state, {
          ...named,
          incarnation,
          epoch,
          atMs,
          sequence: sequence + 1,
          events: decided.value,
        });
        const [shown, taken] = [stepsOf(previewed(state, supposed.value)), reality(really)];
        for (const [index, texts] of shown.entries()) {
          if (index >= taken.length) break;
          expect(texts).toMatchObject(taken[index] ?? {});
        }
        drained += Number(shown.length > 1);
      }),
      { numRuns: 80 },
    );
    expect(drained).toBeGreaterThan(5);
  });
});
