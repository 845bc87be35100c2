import { describe, expect, it } from "vitest";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { Hypothetical } from "../../../src/model/hypothetical.ts";
import type { Actor, ClusterId, ServiceId, ShiftId } from "../../../src/model/ids.ts";
import type { Settings } from "../../../src/model/settings.ts";
import type { FleetPreview, Measures } from "../../../src/model/preview.ts";
import { settledFleet } from "../../../src/planner/preview/base.ts";
import { previewFleet } from "../../../src/planner/preview/fleet.ts";
import { remarksOf } from "../../../src/planner/preview/remarks.ts";
import { suppose } from "../../../src/planner/preview/suppose.ts";
import { aFleet, applied, CHECKOUT, committed, planOf, serviceOf, split, UNPACED } from "../planning-fleet.ts";
import type { ClusterOptions, ServiceOptions } from "../planning-fleet.ts";

const BY_HAND: Settings = { ...UNPACED, allocation: "waterfall", onloadMax: 1, stepUtilisationMax: 1 };
const NOTHING: Hypothetical = { demands: [], capacities: [], lost: [], cordons: [], drains: [], shifts: [] };
const [EAST, WEST] = ["east" as ClusterId, "west" as ClusterId];
const SUPPOSING = { atMs: 2_000_000, actor: "operator:ana" as Actor, settings: BY_HAND };

/** East takes 80 of its 100 at home, and 20 go to west. */
function fleet(east: ClusterOptions = {}, service: ServiceOptions = {}): FleetState {
  const state = aFleet(
    {
      east: { demandRps: 100, versions: { v1: 100 }, rttMs: { north: 90, west: 10 }, ...east },
      north: { versions: { v1: 100 } },
      west: { demandRps: 30, versions: { v1: 100 }, rttMs: { north: 50 } },
    },
    service,
  );
  return applied(state, planOf(state, BY_HAND));
}

function preview(
  state: FleetState,
  hypothetical: Partial<Hypothetical>,
  services?: readonly ServiceId[],
): FleetPreview {
  const after = suppose(state, { ...NOTHING, ...hypothetical }, SUPPOSING);
  if (!after.ok) throw new Error(after.refusal.message);
  const question = { before: state, after: after.value, detailsMax: 5, ...(services !== undefined && { services }) };
  return finished(previewFleet(question, BY_HAND));
}

function finished<T>(work: Generator<unknown, T, undefined>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

function loads({ loads: found }: Measures): Readonly<Record<string, number>> {
  return Object.fromEntries(found.map(({ destination, loadRps }) => [destination.cluster, Math.round(loadRps)]));
}

describe("previewFleet", () => {
  it("shows other demand, where it goes, and what it lacks", () => {
    const found = preview(fleet(), { demands: [{ factor: 2 }] });
    const [checkout] = found.details;
    // At once 2 * 80 + 0 at east and 2 * 20 + 60 at west; planned 80 and 80, and the other 100 to north, 20 beyond its 80.
    expect(checkout && loads(checkout.before)).toEqual({ east: 80, west: 50 });
    expect(checkout && loads(checkout.atOnce)).toEqual({ east: 160, west: 100 });
    expect(found.atOnce).toMatchObject({ demandRps: 260, overLimitRps: 100, overCapacityRps: 60 });
    // 260 rps on 3 * 80 = 240 that planning fills: all are filled alike, to 260 / 3.
    expect(checkout && loads(checkout.after)).toEqual({ east: 87, north: 87, west: 87 });
    expect(found.after.overLimitRps).toBeCloseTo(20, 1);
    expect(found.after).toMatchObject({ overCapacityRps: 0, overloadedServices: 1 });
    expect(found.clusters).toMatchObject([
      { cluster: "east", beforeRps: 80, capacityRps: 100 },
      { cluster: "north", beforeRps: 0, capacityRps: 100 },
      { cluster: "west", beforeRps: 50, capacityRps: 100 },
    ]);
  });

  it("multiplies the demand of one source only, declared or measured", () => {
    const measured = preview(fleet(), { demands: [{ source: WEST, factor: 2 }] });
    expect([measured.before.demandRps, measured.after.demandRps]).toEqual([130, 160]);
    const state = fleet();
    const spec = { ...serviceOf(state).spec, demandRps: { [WEST]: 30 } };
    const declared = { ...state, services: new Map([[CHECKOUT, { ...serviceOf(state), spec }]]) };
    expect(preview(declared, { demands: [{ source: WEST, factor: 2 }] }).after.demandRps).toBe(160);
  });

  it("takes the most precise of several changes", () => {
    const all = { factor: 3 };
    const [west, checkout] = [
      { source: WEST, factor: 2 },
      { service: CHECKOUT, factor: 1.5 },
    ];
    // 1.5 times everything, and 3 times 30 of west where that is said of the service.
    expect(preview(fleet(), { demands: [checkout, all, west] }).after.demandRps).toBe(195);
    const both = { service: CHECKOUT, source: WEST, factor: 3 };
    expect(preview(fleet(), { demands: [both, checkout, all] }).after.demandRps).toBe(240);
    const change = (factor: number) => ({ kind: "factor" as const, factor });
    const [less, none] = [
      { cluster: EAST, change: change(0.5) },
      { service: CHECKOUT, change: change(1) },
    ];
    expect(preview(fleet(), { capacities: [none, less] }, [CHECKOUT]).movingServices).toBe(0);
  });

  it("shows what meshes do by themselves when a cluster is lost, and what is planned then", () => {
    const found = preview(fleet(), { lost: [WEST] });
    const [checkout] = found.details;
    // West's own callers ask for nothing any more; the 20 of east fall back to north.
    expect(checkout && loads(checkout.atOnce)).toEqual({ east: 80, north: 20 });
    expect(checkout && loads(checkout.after)).toEqual({ east: 80, north: 20 });
    expect(found).toMatchObject({
      movingServices: 1,
      movedRps: 20,
      stepsMax: 1,
      after: { overLimitRps: 0, lostRps: 0 },
    });
    expect(checkout?.steps[0]?.urgency).toBe("emergency");
    // Without one more, 80 of 100 are left for those 100: 20 short. Now it outlives any loss: 130 on 160.
    expect(checkout?.survivalBefore.losses.map(({ shortRps }) => shortRps)).toEqual([0, 0, 0]);
    expect(checkout?.survivalAfter.losses.map(({ shortRps }) => Math.round(shortRps))).toEqual([20, 20]);
    expect(checkout?.freeBefore).toEqual({ cluster: "east", freeShare: 1 - 130 / 200 });
    expect(checkout?.freeAfter).toEqual({ cluster: "east", freeShare: 0 });
  });

  it("shows less capacity, multiplied or said", () => {
    const halved = preview(fleet(), {
      capacities: [{ service: CHECKOUT, cluster: EAST, change: { kind: "factor", factor: 0.5 } }],
    });
    const [checkout] = halved.details;
    // East takes 40, west has room for 80 - 30 = 50 more, and 10 are left for north.
    expect(halved.atOnce.overLimitRps).toBeCloseTo(40);
    expect(checkout && loads(checkout.after)).toEqual({ east: 40, north: 10, west: 80 });
    const said = preview(fleet(), { capacities: [{ cluster: EAST, change: { kind: "value", capacityRps: 50 } }] });
    expect(said.details[0] && loads(said.details[0].after)).toEqual({ east: 40, north: 10, west: 80 });
  });

  it("shows a drain step by step, each as it would be planned", () => {
    const drain = { maxStepWeight: 1_000, bakeMs: 0, force: "no" as const };
    const [checkout] = preview(fleet(), { drains: [{ cluster: EAST, drain }] }).details;
    expect(checkout?.steps.map(({ measures }) => loads(measures)["east"] ?? 0)).toEqual([
      70, 60, 50, 40, 30, 20, 10, 0,
    ]);
    expect(checkout?.isComplete).toBe(true);
    expect(checkout?.steps.every(({ urgency }) => urgency === "operator")).toBe(true);
    expect(checkout && loads(checkout.after)).toEqual({ north: 50, west: 80 });
  });

  it("supposes everything at once: a shift is judged where demand has grown", () => {
    const shift = {
      kind: "request-shift" as const,
      shift: "preview" as ShiftId,
      service: CHECKOUT,
      sources: [EAST],
      target: { kind: "split" as const, split: split({ "north/v1": 10_000 }) },
      reason: "preview",
    };
    const demands = [{ factor: 0.5 }];
    expect(preview(fleet(), { demands, shifts: [shift] }).after.overLimitRps).toBe(0);
    expect(suppose(fleet(), { ...NOTHING, shifts: [shift] }, SUPPOSING)).toMatchObject({
      ok: false,
      refusal: { code: "OVER_CAPACITY", field: "shifts[0].target.split.weights[0].weight" },
    });
  });

  it("counts what ways cost, in ms and dollars", () => {
    const state = fleet();
    const east = state.clusters.get(EAST);
    if (east === undefined) throw new Error("no east");
    const spec = { ...east.spec, egressDollarsPerGb: { [WEST]: 0.1 } };
    const service = serviceOf(state);
    const priced = {
      ...state,
      clusters: new Map([...state.clusters, [EAST, { ...east, spec }]]),
      services: new Map([[CHECKOUT, { ...service, spec: { ...service.spec, bytesPerRequest: 1e6 } }]]),
    };
    // 20 rps of a megabyte each at $0.1 a gigabyte: $0.002 a second.
    expect(preview(priced, { demands: [{ factor: 1 }] }, [CHECKOUT]).before.dollarsPerHour).toBeCloseTo(7.2);
  });

  it("counts other services for their clusters, as if nobody planned them anew", () => {
    const state = fleet();
    const service = serviceOf(state);
    const cart = "shop/cart" as ServiceId;
    const both = {
      ...state,
      services: new Map([...state.services, [cart, { ...service, spec: { ...service.spec, service: cart } }]]),
    };
    const found = preview(both, { demands: [{ factor: 0.5 }] }, [CHECKOUT]);
    // Twice 80 at east; cart still sends it 80 of 100, of half the demand, and checkout all of its 50.
    expect(found.clusters.find(({ cluster }) => cluster === EAST)).toMatchObject({ beforeRps: 160, afterRps: 90 });
  });

  it("counts requests that nobody was told where to send", () => {
    const state = aFleet({ east: { demandRps: 100, versions: { v1: 200 } } });
    expect(preview(state, { demands: [{ factor: 1 }] }, [CHECKOUT])).toMatchObject({
      before: { demandRps: 100, lostRps: 100, latencyMs: 0 },
      after: { demandRps: 100, lostRps: 0 },
    });
  });

  it("changes nothing, and looks at named services whether or not it concerns them", () => {
    const state = fleet();
    const before = JSON.stringify([...state.services]);
    const found = preview(state, { demands: [{ service: CHECKOUT, factor: 1 }] }, [CHECKOUT]);
    expect(found).toMatchObject({ services: 1, movingServices: 0, movedRps: 0 });
    expect(JSON.stringify([...state.services])).toBe(before);
    expect(preview(state, { demands: [{ factor: 1 }] }).services).toBe(0);
  });
});

describe("suppose", () => {
  it("refuses every unknown name at once", () => {
    const hypothetical: Hypothetical = {
      ...NOTHING,
      lost: ["esat" as ClusterId],
      demands: [{ service: "shop/chekcout" as ServiceId, factor: 2 }],
      drains: [{ cluster: "wset" as ClusterId, drain: { maxStepWeight: 1, bakeMs: 0, force: "no" } }],
    };
    const refused = suppose(fleet(), hypothetical, SUPPOSING);
    expect(refused).toMatchObject({ ok: false, refusal: { code: "UNKNOWN_SERVICE", field: "demands[0].service" } });
    const message = refused.ok ? "" : refused.refusal.message;
    expect(message).toContain('lost_clusters[0]: no cluster is called "esat"; there are east, north, west');
    expect(message).toContain('drains[0].cluster: no cluster is called "wset"');
  });

  it("refuses a capacity that nobody can multiply, and one that is nowhere", () => {
    const state = fleet({ versions: { v1: undefined } });
    const change = { kind: "factor" as const, factor: 0.5 };
    const [unknown, nowhere] = [
      { service: CHECKOUT, cluster: EAST, change },
      { cluster: WEST, version: "v9" as never, change },
    ];
    const refused = suppose(state, { ...NOTHING, capacities: [unknown, nowhere] }, SUPPOSING);
    expect(refused).toMatchObject({ ok: false, refusal: { code: "FIELD_INVALID", field: "capacities[0].factor" } });
    expect(refused.ok ? "" : refused.refusal.message).toContain("capacities[1]: names no destination");
  });
});

describe("what a preview is supposed on", () => {
  it("takes a release that is under way as done", () => {
    const state = aFleet({ east: { demandRps: 100, versions: { v1: 100 } }, west: { versions: { v1: 100 } } });
    const done = committed(state, planOf(state, BY_HAND));
    const changes = Object.keys(done.plan.routeSets) as ClusterId[];
    const times = { committedAtMs: 0, waveIndex: 0, waveReleasedAtMs: 0 };
    const rollout = { plan: done.plan, changes, ...times, isSettled: false, waitsFor: "acks" };
    const service = { ...serviceOf(state), rollout };
    const rolling = { ...done.state, services: new Map([[CHECKOUT, service]]) };
    const settled = settledFleet(rolling);
    expect(settled.services).toBe(1);
    expect(preview(settled.state, { demands: [{ factor: 1 }] }, [CHECKOUT]).movingServices).toBe(0);
    const previewed = { before: rolling, hypothetical: NOTHING, preview: preview(rolling, {}), rollingServices: 1 };
    expect(remarksOf(previewed, BY_HAND)).toEqual(["1 service is in the middle of a release: taken as done"]);
  });

  it("says that the loss of too many at once would freeze the fleet", () => {
    const state = fleet();
    const hypothetical = { ...NOTHING, lost: [EAST, WEST] };
    const previewed = {
      before: state,
      hypothetical,
      preview: preview(state, { lost: [EAST, WEST] }),
      rollingServices: 0,
    };
    expect(remarksOf(previewed, BY_HAND)).toEqual([expect.stringContaining("the loss of 2 at once would freeze")]);
  });
});
