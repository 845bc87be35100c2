import { describe, expect, it } from "vitest";
import type { Proposal } from "../../src/model/command.ts";
import type { RouteSetHash, ServiceId, ShiftId } from "../../src/model/ids.ts";
import { dueServices } from "../../src/planner/due.ts";
import { aSettledFleet, aShift, aSpec, CHECKOUT, cluster, isAtRest } from "./play.ts";
import type { Play } from "./play.ts";

const CART = "shop/cart" as ServiceId;
const PLACES = ["ap-south/v1", "eu-west/v1", "us-east/v1"];

/** What is released now, proposed again. */
function again(play: Play, service: ServiceId = CHECKOUT): Proposal {
  const { rollout, inputsSequence } = play.service(service);
  if (rollout === undefined) throw new Error("nothing is released");
  return { plan: rollout.plan, inputsSequence };
}

function propose(play: Play, ...proposals: readonly Proposal[]) {
  return { kind: "propose", proposals, observed: play.observed() } as const;
}

describe("a proposal", () => {
  it("that changes nothing is settled at once and costs no agent a revision", () => {
    const play = aSettledFleet();
    const { revisions } = play.state;
    const kinds = play.do(propose(play, again(play))).map(({ kind }) => kind);
    expect(kinds).toEqual(["plan-committed", "rollout-settled"]);
    expect(play.state.revisions).toEqual(revisions);
  });

  it("that changes nothing does not vouch for a step that nobody has seen do well yet", () => {
    const play = aSettledFleet();
    play.do(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    play.plan();
    expect(play.do(propose(play, again(play))).map(({ kind }) => kind)).toEqual(["plan-committed"]);
    expect(play.service().rollout).toMatchObject({ isSettled: false, changes: ["us-east"] });
  });

  it("whose inputs have moved is passed over, and stops no other", () => {
    const play = aSettledFleet();
    play.do({ kind: "apply-service", spec: aSpec(PLACES, { service: CART }) });
    play.turnUntil(() => play.service(CART).rollout?.isSettled === true);
    const stale = again(play, CART);
    play.do({ kind: "apply-service", spec: aSpec(PLACES, { service: CART, port: 81 }) });
    const events = play.do(propose(play, stale, again(play)));
    expect(events).toMatchObject([
      { kind: "plan-committed", plan: { service: CHECKOUT } },
      { kind: "rollout-settled" },
    ]);
  });

  it("for a service that is gone is passed over", () => {
    const play = aSettledFleet();
    const proposal = again(play);
    play.do({ kind: "delete-service", service: CHECKOUT, force: "no" });
    expect(play.do(propose(play, proposal))).toEqual([]);
  });

  it("that names a route set which was never stored is refused", () => {
    const play = aSettledFleet();
    const { plan, inputsSequence } = again(play);
    const routeSets = { ...plan.routeSets, [cluster("eu-west")]: "f".repeat(64) as RouteSetHash };
    const refusal = play.refuses(propose(play, { plan: { ...plan, routeSets }, inputsSequence }));
    expect(refusal.code).toBe("PLAN_CHECK_FAILED");
    expect(refusal.message).toContain("never stored");
  });

  it("that the checker refuses stops only itself", () => {
    const play = aSettledFleet();
    play.do({ kind: "apply-service", spec: aSpec(PLACES, { service: CART }) });
    play.turnUntil(() => play.service(CART).rollout?.isSettled === true);
    const { plan, inputsSequence } = again(play, CART);
    // eu-west is given what was made for us-east.
    const [eu, us] = [cluster("eu-west"), cluster("us-east")];
    const routeSets = { ...plan.routeSets, [eu]: plan.routeSets[us] ?? ("" as RouteSetHash) };
    const wrong = { plan: { ...plan, routeSets }, inputsSequence };
    expect(play.refuses(propose(play, wrong)).code).toBe("PLAN_CHECK_FAILED");
    const events = play.do(propose(play, wrong, again(play)));
    expect(events.map(({ kind }) => kind)).toEqual(["rollout-waits", "plan-committed", "rollout-settled"]);
  });

  it("moves nothing automatic while the fleet is frozen", () => {
    const play = aSettledFleet();
    play.troubles = { "eu-west": { silentForMs: 9_000 }, "us-east": { silentForMs: 9_000 } };
    play.do({ kind: "observe", observed: play.observed(), measured: { demandRps: {}, reported: {} } });
    expect(play.do(propose(play, again(play)))).toEqual([]);
  });
});

describe("storing route sets", () => {
  it("keeps each once, and refuses what is named by no hash", () => {
    const play = aSettledFleet();
    const [[hash, value] = ["", undefined]] = play.state.routeSets;
    if (value === undefined) throw new Error("nothing is stored");
    expect(play.do({ kind: "store-route-sets", routeSets: { [hash]: value } })).toEqual([]);
    const bad = { ["HASH" as RouteSetHash]: value };
    expect(play.refuses({ kind: "store-route-sets", routeSets: bad }).code).toBe("HASH_MISMATCH");
  });

  it("drops those that nothing names once there are many, and never one that is named", () => {
    const play = aSettledFleet();
    const [[, value] = ["", undefined]] = play.state.routeSets;
    if (value === undefined) throw new Error("nothing is stored");
    const many = Array.from({ length: 1_100 }, (_, n) => [n.toString(16).padStart(64, "0"), value] as const);
    play.do({ kind: "store-route-sets", routeSets: Object.fromEntries(many) });
    const applied = many[0]?.[0] ?? "";
    play.troubles = { "eu-west": { appliedHashes: { [CHECKOUT]: applied } } };
    play.do(propose(play, again(play)));
    const kept = [...Object.values(play.service().released), applied] as RouteSetHash[];
    expect(new Set(play.state.routeSets.keys())).toEqual(new Set(kept));
  });
});

describe("what is due", () => {
  it("is nothing while nothing moved", () => {
    const play = aSettledFleet();
    const { sequence } = play.state;
    for (let turn = 0; turn < 50; turn += 1) play.turn(60_000);
    expect(play.state.sequence).toBe(sequence);
  });

  it("is, for numbers that flap, at most one plan per interval", () => {
    const play = aSettledFleet({ routineIntervalMs: 60_000 }, { demandRps: {} });
    const before = play.records.length;
    for (let turn = 0; turn < 600; turn += 1) {
      const demandRps = { [CHECKOUT]: { [cluster("us-east")]: turn % 2 === 0 ? 2_000 : 100 } };
      play.do({ kind: "observe", observed: play.observed(), measured: { demandRps, reported: {} } });
      play.turn();
    }
    const committed = play.records
      .slice(before)
      .filter(({ events }) => events.some(({ kind }) => kind === "plan-committed"));
    expect(committed.length).toBeLessThanOrEqual(11);
  });

  it("is a shift at once, though the last change is still being watched", () => {
    const play = aSettledFleet();
    play.do(aShift({ "eu-west/v1": 5_000, "us-east/v1": 5_000 }));
    play.plan();
    expect(dueServices(play.state, play.observed(), play.settings)).toEqual([]);
    play.do(aShift({ "ap-south/v1": 5_000, "us-east/v1": 5_000 }, { shift: "s2" as ShiftId }));
    expect(dueServices(play.state, play.observed(), play.settings)).toEqual([CHECKOUT]);
  });

  it("is a destination that lost its last endpoint at once", () => {
    const play = aSettledFleet();
    const reported = { [CHECKOUT]: { "eu-west/v1": { readyEndpoints: 0 } } };
    play.do({ kind: "observe", observed: play.observed(), measured: { demandRps: {}, reported } });
    play.plan();
    expect(play.weights("eu-west")["eu-west/v1"] ?? 0).toBe(0);
    play.turnUntil(() => isAtRest(play));
  });
});
