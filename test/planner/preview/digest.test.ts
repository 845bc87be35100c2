import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/model/command.ts";
import type { FleetEvent } from "../../../src/model/event.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { Actor, ClusterId } from "../../../src/model/ids.ts";
import { decide } from "../../../src/planner/decide.ts";
import { evolve } from "../../../src/planner/evolve.ts";
import { drainDigest } from "../../../src/planner/inputs-digest.ts";
import { CHECKOUT, LOCAL, threeClusters, UNPACED } from "../planning-fleet.ts";

const EAST = "us-east" as ClusterId;
const WEST = "eu-west" as ClusterId;
const STATE = threeClusters({ released: LOCAL });

function after(state: FleetState, ...events: readonly FleetEvent[]): FleetState {
  const { incarnation, epoch, sequence, atMs } = state;
  const actor = "planner" as Actor;
  return evolve(state, {
    incarnation,
    epoch,
    sequence: sequence + 1,
    atMs,
    actor,
    writer: "p",
    nonce: "n",
    command: undefined,
    events,
  });
}

function drain(state: FleetState, pinnedDigest: string) {
  const asked = { maxStepWeight: 2_500, bakeMs: 0, force: "no" } as const;
  const command: Command = { kind: "drain-cluster", cluster: EAST, drain: asked, pinnedDigest };
  return decide(
    state,
    { command, atMs: state.atMs, actor: "operator:ana" as Actor, requestId: "", requestDigest: "" },
    UNPACED,
  );
}

const measured: FleetEvent = {
  kind: "measured",
  measured: { demandRps: { [CHECKOUT]: { [WEST]: 150 } }, reported: {} },
};

describe("a drain that pins its preview", () => {
  it("goes ahead while nothing has moved", () => {
    expect(drain(STATE, drainDigest(STATE, EAST))).toMatchObject({ ok: true, value: [{ kind: "drain-started" }] });
    // Certificates come and go without any plan depending on them.
    const renewed = after(STATE, { kind: "certificate-renewed", cluster: WEST, serial: "ab" });
    expect(drain(renewed, drainDigest(STATE, EAST))).toMatchObject({ ok: true });
  });

  it.each<[string, FleetEvent]>([
    ["demand moved", measured],
    [
      "a cluster that would take its share died",
      { kind: "verdict-changed", cluster: WEST, verdict: "dead", evidence: "" },
    ],
    ["one is no longer heard", { kind: "verdict-changed", cluster: WEST, verdict: "unknown", evidence: "" }],
    ["one was cordoned", { kind: "cluster-cordoned", cluster: WEST }],
    ["a service is gone", { kind: "service-deleted", service: CHECKOUT }],
    ["the fleet froze", { kind: "fleet-frozen", reason: "" }],
  ])("is refused, and changes nothing, once %s", (_, event) => {
    const moved = after(STATE, event);
    expect(drain(moved, drainDigest(STATE, EAST))).toMatchObject({
      ok: false,
      refusal: { code: "INPUTS_MOVED", field: "pinned_digest" },
    });
    expect(drain(moved, drainDigest(moved, EAST))).toMatchObject({ ok: true });
  });

  it("pins another life of the log to another digest", () => {
    const other = { ...STATE, incarnation: { generation: 2, id: "b" } };
    expect(drainDigest(other, EAST)).not.toBe(drainDigest(STATE, EAST));
  });
});
