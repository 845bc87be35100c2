import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_FALLBACK_POLICY, NO_FALLBACK, followPlan, watchEvidence } from "../../../agents/core/fallback.ts";
import type { FallbackState } from "../../../agents/core/fallback.ts";
import type { DestinationEvidence, HeldPlan } from "../../../agents/core/ports.ts";
import type { DestinationKey } from "../../../src/model/destination.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { CHECKOUT, OWN, aHolding, stored } from "../plans.ts";

const [EU, AP] = ["eu-west" as ClusterId, "ap-south" as ClusterId];
const THIRDS = { "ap-south/v1": 3_000, "eu-west/v1": 3_000, [`${OWN}/v1`]: 4_000 };
const PLAN = aHolding(1, [stored({ weights: THIRDS })]);
const LOCAL_PLAN = aHolding(2, [stored()]);

function evidence(cluster: ClusterId, parts: Partial<DestinationEvidence> = {}): DestinationEvidence {
  const destination = `${cluster}/v1` as DestinationKey;
  return { destination, service: CHECKOUT, cluster, consecutiveConnectFailures: 0, noReadyEndpointForMs: 0, ...parts };
}

const refusedBy = (cluster: ClusterId) => evidence(cluster, { consecutiveConnectFailures: 5 });
const silent = (cluster: ClusterId) => evidence(cluster, { noReadyEndpointForMs: 2_500 });

function watch(
  all: readonly DestinationEvidence[],
  { state = NO_FALLBACK, nowMs = 50_000, plan = PLAN }: { state?: FallbackState; nowMs?: number; plan?: HeldPlan } = {},
) {
  const policy = DEFAULT_FALLBACK_POLICY;
  return watchEvidence(state, { plan, own: OWN, evidence: all, policy, nowMs, wallMs: 1_700_000_000_000 });
}

describe("watchEvidence", () => {
  it.each([
    ["connects that fail in a row", refusedBy(EU), "5 connects to eu-west/v1 failed in a row"],
    ["no ready endpoint for long enough", silent(EU), "no ready endpoint of eu-west/v1 for 2500 ms"],
  ])("switches on %s, and says why and since when", (_name, row, words) => {
    const { state, outcome } = watch([row, evidence(AP)]);
    expect(outcome).toBe("switched");
    expect(state.active).toEqual({ lostCluster: EU, sinceMs: 1_700_000_000_000, evidence: words });
  });

  it.each([
    ["a few failures", evidence(EU, { consecutiveConnectFailures: 4 })],
    ["a short gap", evidence(EU, { noReadyEndpointForMs: 2_499 })],
    ["its own cluster", refusedBy(OWN)],
    ["a cluster without weight", refusedBy("sa-east" as ClusterId)],
  ])("does nothing about %s", (_name, row) => {
    expect(watch([row]).outcome).toBe("unchanged");
  });

  it("does not give a cluster up for one service of it", () => {
    expect(watch([silent(EU), evidence(EU)]).outcome).toBe("unchanged");
  });

  it("believes an answer of just now more than everything else", () => {
    const answered = evidence(EU, { answeredAgoMs: 100 });
    expect(watch([refusedBy(EU), answered]).outcome).toBe("unchanged");
    expect(watch([refusedBy(EU), evidence(EU, { answeredAgoMs: 5_000 })]).outcome).toBe("switched");
  });

  it("holds everything when two clusters look lost at once", () => {
    const { state, outcome, lost } = watch([refusedBy(EU), silent(AP)]);
    expect([outcome, lost, state.active]).toEqual(["held", [AP, EU], undefined]);
  });

  it("keeps the first fallback and holds when a second cluster is lost after it", () => {
    const first = watch([refusedBy(EU)]).state;
    const second = watch([refusedBy(EU), refusedBy(AP)], { state: first });
    expect([second.outcome, second.state.active]).toEqual(["held", first.active]);
  });

  it("stays on the fallback when the evidence ends: only the planner ends it", () => {
    const { active } = watch([refusedBy(EU)]).state;
    const state: FallbackState = { exempt: [], ...(active === undefined ? {} : { active }) };
    expect(watch([evidence(EU)], { state })).toMatchObject({ outcome: "unchanged", state: { active } });
  });

  it("has at most one lost cluster at any time, whatever the evidence", () => {
    const rows = fc.array(
      fc.record({ cluster: fc.constantFrom(EU, AP, OWN), failures: fc.nat(8), gapMs: fc.nat(5_000) }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 10 }), (looks) => {
        let state: FallbackState = NO_FALLBACK;
        for (const look of looks) {
          const all = look.map(({ cluster, failures, gapMs }) => {
            return evidence(cluster, { consecutiveConnectFailures: failures, noReadyEndpointForMs: gapMs });
          });
          const decision = watch(all, { state });
          const isNew = decision.outcome === "switched";
          const [only] = decision.lost;
          expect(decision.state.active?.lostCluster).toBe(isNew ? only : state.active?.lostCluster);
          expect(isNew && decision.lost.length > 1).toBe(false);
          expect(decision.state.active?.lostCluster).not.toBe(OWN);
          state = decision.state;
        }
      }),
    );
  });
});

describe("followPlan", () => {
  const { state } = watch([refusedBy(EU)]);
  const follow = (from: FallbackState, parts: Partial<Parameters<typeof followPlan>[1]>) =>
    followPlan(from, {
      before: PLAN,
      after: PLAN,
      rulings: [],
      policy: DEFAULT_FALLBACK_POLICY,
      nowMs: 60_000,
      ...parts,
    });

  it("ends the fallback when the plan itself sends the lost cluster nothing", () => {
    expect(follow(state, { after: LOCAL_PLAN })).toEqual({ state: { exempt: [] }, outcome: "adopted" });
  });

  it("keeps it under a plan that says nothing about it", () => {
    expect(follow(state, {})).toEqual({ state, outcome: "unchanged" });
    const other = [{ lostCluster: AP, outcome: "reversed" as const }];
    expect(follow(state, { rulings: other }).outcome).toBe("unchanged");
  });

  it("ends it at the planner's word, and takes old evidence for nothing until it was good once", () => {
    const reversed = follow(state, { rulings: [{ lostCluster: EU, outcome: "reversed" }] });
    expect(reversed.outcome).toBe("reversed");
    const still = watch([refusedBy(EU)], { state: reversed.state });
    expect(still.outcome).toBe("unchanged");
    const good = watch([evidence(EU)], { state: still.state });
    expect(watch([refusedBy(EU)], { state: good.state }).outcome).toBe("switched");
  });

  it("gives a cluster that gets weight back some time before evidence counts", () => {
    const returned = follow(NO_FALLBACK, { before: LOCAL_PLAN, after: PLAN, nowMs: 60_000 });
    const good = watch([evidence(EU)], { state: returned.state, nowMs: 61_000 });
    const early = watch([silent(EU)], { state: good.state, nowMs: 69_999 });
    expect(early.outcome).toBe("unchanged");
    expect(watch([silent(EU)], { state: early.state, nowMs: 70_000 }).outcome).toBe("switched");
  });
});
