import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf, WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { Split } from "../../src/model/destination.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS as SHIPPED } from "../../src/model/settings.ts";
import type { Settings } from "../../src/model/settings.ts";
import { spendingOf } from "../../src/planner/cost.ts";
import { outlookOf } from "../../src/planner/outlook.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";
import { anyFleet, healthyFleet } from "./arbitrary-fleet.ts";
import { capacities, roundingOf, shuffled, splitsNow, total, worstOf } from "./plan-measures.ts";
import { applied, changeCluster, changeService, loads, planOf, serviceOf, split } from "./planning-fleet.ts";

type Splits = Readonly<Record<ClusterId, Split>>;

const LIMIT = SHIPPED.utilisationMax;

/** Five amounts of demand, one for each cluster that a fleet may have. */
const demands = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 5, maxLength: 5 });

function asking(state: FleetState, amounts: readonly number[]): FleetState {
  const entries = [...state.clusters.keys()].map((name, index) => [name, amounts[index] ?? 0] as const);
  return changeService(state, { demandRps: Object.fromEntries(entries) });
}

function roomOf(state: FleetState, settings: Settings = SHIPPED): number {
  return total(capacities(state).values()) * settings.utilisationMax;
}

function demandOf(state: FleetState): number {
  return total(Object.values(serviceOf(state).demandRps));
}

/** The fleet once nothing more is to be done, with every step that led there. */
function settled(state: FleetState): { readonly state: FleetState; readonly steps: readonly Splits[] } {
  const steps: Splits[] = [];
  let now = state;
  for (let step = 0; step < 100; step += 1) {
    const planning = planOf(now, SHIPPED);
    const before = JSON.stringify(splitsNow(now));
    now = applied(now, planning);
    if (JSON.stringify(splitsNow(now)) !== before) steps.push(splitsNow(now));
    if (planning.isFinalStep) return { state: now, steps };
  }
  throw new Error("no end in 100 steps");
}

/** Most load beyond a share of capacity, in requests per second, that splits bring any destination. */
function excessRps(state: FleetState, splits: Splits, share: number): number {
  const load = loads(state, splits);
  return Math.max(...[...capacities(state)].map(([key, rps]) => (load.get(key) ?? 0) - rps * share));
}

describe("the shipped settings", () => {
  it("leave room for demand that moved and that nobody has noticed yet, and for limits that are exceeded a little", () => {
    const { utilisationMax, measuredDeadBand, limitSlack, stepUtilisationMax } = SHIPPED;
    expect(utilisationMax * (1 + measuredDeadBand)).toBeLessThanOrEqual(stepUtilisationMax);
    expect(utilisationMax * (1 + limitSlack)).toBeLessThan(stepUtilisationMax);
    // Above this queues have no end, and the bench sheds.
    expect(stepUtilisationMax).toBeLessThan(0.98);
  });

  it("ask for more gain to return than to leave", () => {
    expect(SHIPPED.returnGainMin).toBeGreaterThan(SHIPPED.moveGainMin);
    expect(SHIPPED.returnFillMax).toBeLessThan(1);
  });
});

describe("a plan with what is shipped", () => {
  it("divides everything and nothing but everything, and fills nobody above the limit while there is room", () => {
    fc.assert(
      fc.property(healthyFleet, (state) => {
        fc.pre(demandOf(state) <= roomOf(state));
        const { splits } = planOf(state, SHIPPED);
        for (const found of Object.values(splits)) expect(total(found.map(({ weight }) => weight))).toBe(WEIGHT_TOTAL);
        expect(excessRps(state, splits, SHIPPED.utilisationMax)).toBeLessThanOrEqual(roundingOf(state));
      }),
    );
  });

  it("never costs callers more, by the same model, than Waterfall or locality failover that keep limits as well", () => {
    fc.assert(
      fc.property(healthyFleet, (state) => {
        const spent = (splits: Splits): number => {
          const sources = outlookOf(state, serviceOf(state));
          return (
            spendingOf(new Map(Object.entries(splits) as [ClusterId, Split][]), sources, undefined)?.spentMs ?? NaN
          );
        };
        const beyond = (splits: Splits): number => {
          const load = loads(state, splits);
          const each = [...capacities(state)].map(([key, rps]) => (load.get(key) ?? 0) - rps * SHIPPED.utilisationMax);
          return total(each.map((rps) => Math.max(0, rps)));
        };
        const fullest = (splits: Splits): number => {
          const load = loads(state, splits);
          return Math.max(...[...capacities(state)].map(([key, rps]) => (load.get(key) ?? 0) / rps));
        };
        const { splits } = planOf(state, SHIPPED);
        const rivals: readonly Splits[] = [
          planOf(state, { ...SHIPPED, allocation: "waterfall" }).splits,
          Object.fromEntries([...state.clusters.keys()].map((name) => [name, split({ [`${name}/v1`]: 10_000 })])),
        ];
        for (const rival of rivals) {
          expect(beyond(splits)).toBeLessThanOrEqual(beyond(rival) + roundingOf(state) * state.clusters.size);
          const keepsAsMuch = beyond(rival) <= beyond(splits) && fullest(rival) <= Math.max(fullest(splits), LIMIT);
          expect(!keepsAsMuch || spent(splits) <= spent(rival) * (1 + 1e-9)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is the same, byte for byte, whenever it is made, and in whatever order things are listed", () => {
    const bytesOf = (state: FleetState): readonly string[] =>
      Object.values(planOf(state, SHIPPED).routeSets)
        .map((routeSet) => Buffer.from(encodeRouteSet(routeSet).bytes).toString("hex"))
        .toSorted();
    fc.assert(
      fc.property(anyFleet, fc.integer(), (state, seed) => {
        const bytes = bytesOf(state);
        expect(bytesOf(structuredClone(state))).toEqual(bytes);
        expect(bytesOf(shuffled(state, seed))).toEqual(bytes);
      }),
    );
  });

  it("is the same in whatever unit of time everything is measured", () => {
    fc.assert(
      fc.property(healthyFleet, fc.constantFrom(0.25, 0.5, 2, 8), (state, factor) => {
        const here = planOf(withQueues(state, 1), SHIPPED).splits;
        const there = planOf(withQueues(state, factor), SHIPPED).splits;
        for (const [source, found] of Object.entries(here) as [ClusterId, Split][])
          for (const { destination, weight } of found) {
            const other = there[source]?.find((entry) => keyOf(entry.destination) === keyOf(destination));
            expect(Math.abs((other?.weight ?? 0) - weight)).toBeLessThanOrEqual(1);
          }
      }),
    );
  });
});

/**
 * The fleet where everybody asks for `factor` as much, and what is far and what takes time is that much nearer and quicker:
 * the same queues on another clock.
 */
function withQueues(state: FleetState, factor: number): FleetState {
  const { spec, demandRps } = serviceOf(state);
  const deployments = spec.deployments.map(({ capacityRps = 0, ...place }) => {
    const servers = Math.max(1, Math.round(capacityRps / 20));
    return { ...place, curve: { kind: "queue", servers, meanWorkMs: 50 / factor, squaredVariation: 1 } as const };
  });
  const names = [...state.clusters.keys()];
  const asked = Object.entries(demandRps).map(([name, rps]) => [name, rps * factor] as const);
  const rescaled = names.reduce((now, name) => {
    const found = now.clusters.get(name)?.spec;
    if (found === undefined) throw new Error("no such cluster");
    // A round trip that nobody declares has a default of its own.
    const rttMs = Object.fromEntries(
      names.filter((other) => other !== name).map((other) => [other, (found.rttMs[other] ?? 64) / factor]),
    );
    return changeCluster(now, name, { spec: { ...found, rttMs } });
  }, state);
  return changeService(rescaled, { spec: { ...spec, deployments }, demandRps: Object.fromEntries(asked) });
}

describe("the steps of what is shipped", () => {
  /** A fleet that stood well, and then was asked for something else that it has room for. */
  const changed = fc.tuple(healthyFleet, demands).map(([state, other]) => {
    const before = settled(state).state;
    return { before, after: asking(before, other) };
  });

  it("bring nobody above the limit of steps in whatever order they are applied", () => {
    fc.assert(
      fc.property(changed, ({ after }) => {
        fc.pre(demandOf(after) <= roomOf(after));
        const limit = SHIPPED.stepUtilisationMax;
        fc.pre(excessRps(after, splitsNow(after), limit) <= 0);
        let before = splitsNow(after);
        for (const step of settled(after).steps) {
          expect(excessRps(after, worstOf(before, step), limit)).toBeLessThanOrEqual(roundingOf(after));
          before = step;
        }
      }),
      { numRuns: 300 },
    );
  });

  it("come nearer to what callers spend least for with every one of them, or make room where too much is", () => {
    fc.assert(
      fc.property(changed, ({ after }) => {
        fc.pre(demandOf(after) <= roomOf(after));
        const { state, steps } = settled(after);
        const excess = (splits: Splits): number => Math.max(0, excessRps(after, splits, SHIPPED.utilisationMax));
        const last = steps.at(-1) ?? splitsNow(state);
        const slack = SHIPPED.limitSlack * Math.max(...capacities(after).values());
        expect(excess(last)).toBeLessThanOrEqual(Math.max(slack, roundingOf(after)));
      }),
      { numRuns: 300 },
    );
  });

  it("load no destination by more of its capacity than caches and pools take at a time", () => {
    fc.assert(
      fc.property(changed, ({ after }) => {
        fc.pre(demandOf(after) <= roomOf(after));
        const planning = planOf(after, SHIPPED);
        fc.pre(planning.urgency === "routine");
        const before = loads(after, splitsNow(after));
        const worst = loads(after, worstOf(splitsNow(after), planning.splits));
        for (const [key, rps] of capacities(after)) {
          const growth = (worst.get(key) ?? 0) - (before.get(key) ?? 0);
          expect(growth).toBeLessThanOrEqual(rps * SHIPPED.onloadMax + roundingOf(after));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("relieve at once who is sent more than it can serve, and fill nobody above its capacity for it", () => {
    let reliefs = 0;
    fc.assert(
      fc.property(changed, ({ after }) => {
        fc.pre(demandOf(after) <= roomOf(after));
        const planning = planOf(after, SHIPPED);
        fc.pre(planning.urgency === "emergency");
        reliefs += 1;
        const [now, next] = [loads(after, splitsNow(after)), loads(after, worstOf(splitsNow(after), planning.splits))];
        const then = loads(after, planning.splits);
        let [too, left] = [0, 0];
        for (const [key, rps] of capacities(after)) {
          expect(next.get(key) ?? 0).toBeLessThanOrEqual(Math.max(rps, now.get(key) ?? 0) + roundingOf(after));
          const limitRps = rps * SHIPPED.stepUtilisationMax;
          if ((now.get(key) ?? 0) <= limitRps) continue;
          too += (now.get(key) ?? 0) - limitRps;
          left += Math.max(0, (then.get(key) ?? 0) - limitRps);
        }
        expect(left).toBeLessThan(too);
      }),
      { numRuns: 60 },
    );
    expect(reliefs).toBeGreaterThan(50);
  });

  it("do not swing with demand that flutters, wherever its thresholds lie", () => {
    /** Each source's flutter, as a part of what it asks for. */
    const flutter = fc.array(fc.double({ min: -0.008, max: 0.008, noNaN: true }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(healthyFleet, flutter, (state, parts) => {
        fc.pre(demandOf(state) * 1.01 <= roomOf(state));
        const own = Object.values(serviceOf(state).demandRps);
        const other = own.map((rps, index) => rps * (1 + (parts[index] ?? 0)));
        let now = settled(asking(settled(state).state, other)).state;
        for (let turn = 0; turn < 4; turn += 1) {
          const { state: next, steps } = settled(asking(now, turn % 2 === 0 ? own : other));
          expect(steps).toEqual([]);
          now = next;
        }
      }),
      { numRuns: 300 },
    );
  });
});
