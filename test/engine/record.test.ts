import { describe, expect, it } from "vitest";
import { recordOf } from "../../src/engine/record.ts";
import type { Command, Envelope } from "../../src/model/command.ts";
import type { FleetEvent } from "../../src/model/event.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { Actor, ClusterId, ServiceId, ShiftId } from "../../src/model/ids.ts";
import type { Observed } from "../../src/model/observed.ts";
import { encodeRecord } from "../../src/wire/record.ts";

const CLUSTERS = Array.from({ length: 50 }, (_, index) => `cluster-${index}`);
const SERVICES = Array.from({ length: 400 }, (_, index) => `shop/service-${index}`);

/** Fifty clusters that call four hundred services. */
function aPicture(): Observed {
  const appliedHashes = Object.fromEntries(SERVICES.map((service) => [service, "a".repeat(64)]));
  const seen = { requests: 100, failures: 0, rps: 100, windowStartedAtMs: 1, shares: { "cluster-1/v1": 1 } };
  const traffic = Object.fromEntries(SERVICES.map((service) => [service, seen]));
  const cluster = { silentForMs: 1, isStreamOpen: true, peersReaching: 1, peersFailing: 0, refusals: [], traffic };
  const clusters = CLUSTERS.map((name) => [name, { ...cluster, appliedHashes, hasFallback: false }]);
  return { atMs: 1, collectingForMs: 1, clusters: Object.fromEntries(clusters) as Observed["clusters"] };
}

function recorded(command: Command, events: readonly FleetEvent[]) {
  const envelope: Envelope = { command, atMs: 1, actor: "planner" as Actor, requestId: "", requestDigest: "" };
  return recordOf(EMPTY_FLEET, { envelope, events }, { writer: "p1", nonce: "1.n" });
}

const settled: FleetEvent = { kind: "rollout-settled", service: SERVICES[7] as ServiceId };
const frozen: FleetEvent = { kind: "fleet-frozen", reason: "2 of 3 clusters are unknown or dead" };

describe("the record of what a planner decided by itself", () => {
  it.each<[string, Command, FleetEvent]>([
    ["a tick", { kind: "tick", observed: aPicture() }, settled],
    ["reports", { kind: "observe", observed: aPicture(), measured: { demandRps: {}, reported: {} } }, frozen],
    ["a proposal", { kind: "propose", proposals: [], observed: aPicture() }, settled],
  ])("stays small in a large fleet: %s", (_what, command, event) => {
    expect(encodeRecord(recorded(command, [event])).length).toBeLessThan(64 * 1_024);
  });

  it("holds the numbers of the service that was decided about, and of every cluster", () => {
    const { command } = recorded({ kind: "tick", observed: aPicture() }, [settled]);
    const { observed } = command as { observed: Observed };
    expect(Object.keys(observed.clusters)).toEqual(CLUSTERS);
    const one = observed.clusters["cluster-3" as ClusterId];
    expect(one).toMatchObject({ silentForMs: 1, traffic: { "shop/service-7": { requests: 100 } } });
    expect(Object.keys(one?.appliedHashes ?? {})).toEqual(["shop/service-7"]);
  });
});

describe("the answer that a record remembers", () => {
  it("names the shift that was asked for, not the one it takes the place of", () => {
    const command = { kind: "abort-shift", shift: "s2" as ShiftId, reason: "no" } as const;
    const moved = {
      kind: "shift-moved",
      shift: "s1" as ShiftId,
      phase: "superseded",
      detail: "",
      stepsTaken: 0,
    } as const;
    const envelope: Envelope = { command, atMs: 1, actor: "operator:ana" as Actor, requestId: "r", requestDigest: "d" };
    const record = recordOf(EMPTY_FLEET, { envelope, events: [moved] }, { writer: "p1", nonce: "1.n" });
    expect(record.events.at(-1)).toMatchObject({ kind: "request-answered", subject: "s2" });
  });
});
