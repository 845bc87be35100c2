import { describe, expect, it } from "vitest";
import { rulingOn } from "../../../src/io/grpc/push/rulings.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { ObservedCluster } from "../../../src/model/observed.ts";
import { SmallEngine } from "./small-engine.ts";

const lost = "c2" as ClusterId;
const fallback = { lostCluster: lost, sinceMs: 0, evidence: "5 connects failed" };
const policy = { standingMs: 10_000, silentMaxMs: 3_000 };

const alive: ObservedCluster = {
  silentForMs: 500,
  isStreamOpen: true,
  peersReaching: 2,
  peersFailing: 1,
  appliedHashes: {},
  refusals: [],
  hasFallback: false,
  traffic: {},
};

function fleet(verdict: "healthy" | "dead"): FleetState {
  const engine = new SmallEngine();
  const spec = { cluster: lost, region: "", labels: {}, rttMs: {} };
  engine.fold(
    { kind: "cluster-registered", spec, secretHash: "0".repeat(64), expiresAtMs: 1 },
    { kind: "verdict-changed", cluster: lost, verdict, evidence: "" },
  );
  return engine.state();
}

function ruling(seen: Partial<ObservedCluster>, more: { verdict?: "healthy" | "dead"; standingForMs?: number } = {}) {
  const observed = { atMs: 0, collectingForMs: 60_000, clusters: { [lost]: { ...alive, ...seen } } };
  const state = fleet(more.verdict ?? "healthy");
  return rulingOn(fallback, { state, observed, standingForMs: more.standingForMs ?? 20_000 }, policy);
}

describe("a ruling on an agent's own fallback", () => {
  it("reverses it when the planner vouches for the cluster", () => {
    expect(ruling({})).toEqual({ lostCluster: lost, outcome: "reversed" });
  });

  it.each([
    ["the fallback is young: the planner may not have seen yet what the agent saw", {}, { standingForMs: 9_000 }],
    ["the planner holds the cluster for dead", {}, { verdict: "dead" as const }],
    ["the cluster is silent", { silentForMs: 4_000 }, {}],
    ["its stream is closed", { isStreamOpen: false }, {}],
    ["a second cluster sees it fail", { peersFailing: 2 }, {}],
  ])("leaves it when %s", (_why, seen, more) => {
    expect(ruling(seen, more)).toBeUndefined();
  });
});
