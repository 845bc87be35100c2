import { create } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { DeltaBase, FallbackOutcome, PlanDeltaSchema } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { PlanDelta } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { DEFAULT_FALLBACK_POLICY } from "../../../agents/core/fallback.ts";
import { heldHashes } from "../../../agents/core/holding.ts";
import type { Holding, StoredRouteSet } from "../../../agents/core/holding.ts";
import { DEFAULT_LIMITS } from "../../../agents/core/recheck.ts";
import { Agent } from "../../../agents/io/agent.ts";
import type { AgentParts, Reply } from "../../../agents/io/agent.ts";
import { Alarms } from "../../../agents/io/alarms.ts";
import { SYSTEM_CLOCK } from "../../../agents/io/clock.ts";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { MemoryPlanStore } from "../../../agents/io/store.ts";
import type { PlanStore } from "../../../agents/io/store.ts";
import { MemoryMesh } from "../../../agents/mesh/memory/mesh.ts";
import type { MemoryFaults } from "../../../agents/mesh/memory/mesh.ts";
import type { DestinationKey } from "../../../src/model/destination.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import type { Position } from "../../../src/model/position.ts";
import { planDigest } from "../../../src/wire/digest.ts";
import { toPosition } from "../../../src/wire/position.ts";
import { CHECKOUT, OWN, at, services, split, stored } from "../plans.ts";
import { until } from "./folders.ts";

const EU = "eu-west" as ClusterId;
const LOCAL = { [`${OWN}/v1`]: 10_000 };
const HALF = { "eu-west/v1": 5_000, [`${OWN}/v1`]: 5_000 };
const FALLBACKS = { "eu-west/v1": LOCAL };
const [OTHER = CHECKOUT] = services(1);

interface Rig {
  readonly agent: Agent;
  readonly mesh: MemoryMesh;
  readonly store: PlanStore;
  readonly alarms: Alarms;
  readonly changed: ServiceId[];
}

/** An agent on a mesh in memory. */
function aRig(wish: { faults?: MemoryFaults; store?: PlanStore; parts?: Partial<AgentParts> } = {}): Rig {
  const { faults = {}, store = new MemoryPlanStore() } = wish;
  const mesh = new MemoryMesh(SYSTEM_CLOCK, faults);
  const alarms = new Alarms(() => undefined);
  const changed: ServiceId[] = [];
  const agent = new Agent({
    cluster: OWN,
    mesh,
    store,
    clock: SYSTEM_CLOCK,
    log: SILENT_LOG,
    alarms,
    limits: DEFAULT_LIMITS,
    fallback: { ...DEFAULT_FALLBACK_POLICY, returnGraceMs: 0 },
    apply: { timeoutMs: 200, supersedeAfterMs: 50 },
    bakeMs: 60_000,
    evidenceMs: 20,
    routesChanged: (moved) => changed.push(...moved),
    alert: () => undefined,
    ...wish.parts,
  });
  onTestFinished(() => agent.close());
  return { agent, mesh, store, alarms, changed };
}

/** A complete plan on the wire. */
function planOf(position: Position, entries: readonly StoredRouteSet[], change: Partial<PlanDelta> = {}): PlanDelta {
  const hashes = new Map(entries.map(({ routeSet, hash }) => [routeSet.service, hash]));
  const message = create(PlanDeltaSchema, {
    position: toPosition(position),
    base: DeltaBase.NOTHING,
    routeSets: entries.map(({ bytes }) => bytes),
    digest: planDigest(hashes),
  });
  return Object.assign(message, change);
}

/** Codes that an answer refuses with. */
function codes(reply: Reply): readonly string[] {
  return reply.kind === "resync" ? ["resync"] : reply.refusals.map(({ code }) => code);
}

function lossOf(cluster: ClusterId) {
  const destination = `${cluster}/v1` as DestinationKey;
  return { destination, service: CHECKOUT, cluster, consecutiveConnectFailures: 9, noReadyEndpointForMs: 0 };
}

describe("an agent", () => {
  it("applies a newer plan and acknowledges the position and what its mesh routes by", async () => {
    const { agent, mesh, changed } = aRig();
    await agent.start();
    const entry = stored({ weights: HALF, fallbacks: FALLBACKS });
    const reply = await agent.receive(planOf(at(5), [entry]));
    const digest = Buffer.from(planDigest(new Map([[CHECKOUT, entry.hash]]))).toString("hex");
    expect(reply).toEqual({ kind: "acknowledgement", position: at(5), digest, refusals: [] });
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(HALF));
    expect(agent.status()).toMatchObject({ applied: at(5), appliedHashes: { [CHECKOUT]: entry.hash } });
    expect(changed).toEqual([CHECKOUT]);
  });

  it("stores a plan before its mesh is touched, and touches nothing that it could not store", async () => {
    const steps: string[] = [];
    const store = new MemoryPlanStore();
    const saving: PlanStore = {
      load: async () => await store.load(),
      saveLastGood: async (holding) => await store.saveLastGood(holding),
      saveCurrent: async (holding) => {
        steps.push(`stored ${holding.position.revision}`);
        if (holding.position.revision === 6) return { ok: false, refusal: { code: "LKG_INVALID", detail: "ENOSPC" } };
        return await store.saveCurrent(holding);
      },
    };
    const { agent, mesh, alarms } = aRig({ store: saving, faults: { refuse: () => void steps.push("touched") } });
    await agent.start();
    await agent.receive(planOf(at(5), [stored()]));
    expect(steps).toEqual(["stored 5", "touched"]);
    const reply = await agent.receive(planOf(at(6), [stored({ weights: HALF })]));
    expect([codes(reply), steps]).toEqual([["LKG_INVALID"], ["stored 5", "touched", "stored 6"]]);
    expect(mesh.routed()?.position).toEqual(at(5));
    expect(alarms.list()).toEqual(["LKG_INVALID: ENOSPC"]);
    expect(agent.held()?.position).toEqual(at(5));
  });

  it.each<[string, PlanDelta, string]>([
    ["a lower revision", planOf(at(4), [stored()]), "STALE_REVISION"],
    ["a lower epoch", planOf(at(9, 0), [stored()]), "STALE_EPOCH"],
    ["another log", planOf(at(9, 1, { generation: 1, id: "other" }), [stored()]), "STORE_INCARNATION_CHANGED"],
    ["another plan of the same number", planOf(at(5), [stored({ weights: HALF })]), "REVISION_CONFLICT"],
    ["a plan that does not add up", planOf(at(6), [stored()], { digest: new Uint8Array(32) }), "HASH_MISMATCH"],
    ["a digest of no length", planOf(at(6), [stored()], { digest: new Uint8Array(3) }), "SCHEMA_INVALID"],
    ["an unknown base", planOf(at(6), [stored()], { base: 77 as DeltaBase }), "UNKNOWN_ENUM"],
    ["no base", planOf(at(6), [stored()], { base: DeltaBase.UNSPECIFIED }), "UNKNOWN_ENUM"],
    [
      "bytes that are no route set",
      planOf(at(6), [stored()], { routeSets: [Uint8Array.of(0xff, 0xff)] }),
      "HASH_MISMATCH",
    ],
    [
      "a revision beyond 2^53",
      planOf(at(6), [], {
        position: create(PlanDeltaSchema, { position: { ...toPosition(at(6)), revision: 2n ** 63n } })
          .position as never,
      }),
      "SEQ_RANGE",
    ],
  ])("refuses %s, keeps what it has, and lives", async (_name, delta, code) => {
    const { agent, mesh } = aRig();
    await agent.start();
    await agent.receive(planOf(at(5), [stored()]));
    expect(codes(await agent.receive(delta))).toEqual([code]);
    expect(mesh.routed()?.position).toEqual(at(5));
    expect(codes(await agent.receive(planOf(at(7), [stored()])))).toEqual([]);
  });

  it("asks for everything when a delta builds on what it does not hold", async () => {
    const { agent } = aRig();
    await agent.start();
    expect(codes(await agent.receive(planOf(at(5), [stored()], { base: DeltaBase.HELD, routeSets: [] })))).toEqual([
      "resync",
    ]);
  });

  it("keeps the older route set of a service whose new one is unsound, and applies the others", async () => {
    const { agent, mesh } = aRig();
    await agent.start();
    const [checkout, other] = [stored(), stored({ service: OTHER })];
    await agent.receive(planOf(at(5), [checkout, other]));
    const moved = stored({ service: OTHER, weights: HALF });
    const bad = stored({ weights: { [`${OWN}/v1`]: 9_999 } });
    const reply = await agent.receive(planOf(at(6), [bad, moved]));
    expect(codes(reply)).toEqual(["WEIGHTS_SUM"]);
    expect([mesh.splitOf(CHECKOUT), mesh.splitOf(OTHER)]).toEqual([split(LOCAL), split(HALF)]);
    expect(agent.status().refusals).toMatchObject([{ service: CHECKOUT, hash: bad.hash, code: "WEIGHTS_SUM" }]);
    expect(agent.held()?.position).toEqual(at(6));
  });

  it("takes the mesh's refusal for an answer, and does not try it again after a restart", async () => {
    const store = new MemoryPlanStore();
    const [good, bad] = [stored(), stored({ weights: HALF })];
    const refuse: MemoryFaults["refuse"] = (_service, hash) =>
      hash === bad.hash ? { code: "MESH_REJECTED", detail: "unknown field" } : undefined;
    const { agent } = aRig({ store, faults: { refuse } });
    await agent.start();
    await agent.receive(planOf(at(5), [good]));
    const reply = await agent.receive(planOf(at(6), [bad]));
    expect(reply).toMatchObject({ refusals: [{ code: "MESH_REJECTED", detail: "unknown field" }], position: at(6) });
    agent.close();

    const again = aRig({ store });
    await again.agent.start();
    await until("the stored plan", () => again.mesh.splitOf(CHECKOUT).length > 0);
    expect(again.mesh.splitOf(CHECKOUT)).toEqual(split(LOCAL));
    expect(codes(await again.agent.receive(planOf(at(6), [bad])))).toEqual([]);
    expect(again.mesh.splitOf(CHECKOUT)).toEqual(split(HALF));
  });

  it("gives up on a mesh that hangs, says so, and tries again until it answers", async () => {
    let isHung = true;
    const { agent, mesh, alarms } = aRig({ faults: { hangs: () => isHung } });
    await agent.start();
    const reply = await agent.receive(planOf(at(5), [stored()]));
    expect(codes(reply)).toEqual(["APPLY_TIMEOUT"]);
    expect(alarms.list().join()).toContain("APPLY_TIMEOUT");
    isHung = false;
    await until("the next try", () => mesh.splitOf(CHECKOUT).length > 0);
    await until("the alarm to end", () => alarms.list().length === 0);
    expect(agent.status().refusals).toEqual([]);
  });

  it("serves the stored plan after a restart, for ever and without anybody", async () => {
    const store = new MemoryPlanStore();
    const first = aRig({ store });
    await first.agent.start();
    await first.agent.receive(planOf(at(5), [stored({ weights: HALF })]));
    first.agent.close();
    const { agent, mesh } = aRig({ store });
    await agent.start();
    await until("the stored plan", () => mesh.splitOf(CHECKOUT).length > 0);
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(HALF));
    expect(codes(await agent.receive(planOf(at(4), [stored()])))).toEqual(["STALE_REVISION"]);
  });

  it("leaves the mesh alone when nothing sound is stored", async () => {
    const broken: PlanStore = {
      load: async () => ({ problems: [{ code: "LKG_INVALID", detail: "cut short" }] }),
      saveCurrent: async () => ({ ok: true, value: undefined }),
      saveLastGood: async () => ({ ok: true, value: undefined }),
    };
    const { agent, mesh, alarms } = aRig({ store: broken });
    await agent.start();
    agent.setEndpoints(new Map());
    expect([mesh.applies(), alarms.list()]).toEqual([0, ["LKG_INVALID: cut short"]]);
  });

  it("keeps a plan as last good only after it worked for the whole bake", async () => {
    const store = new MemoryPlanStore();
    const { agent } = aRig({ store, parts: { bakeMs: 50 } });
    await agent.start();
    await agent.receive(planOf(at(5), [stored()]));
    expect((await store.load()).lastGood).toBeUndefined();
    const lastGood = async (): Promise<Holding | undefined> => (await store.load()).lastGood;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await lastGood())?.position).toEqual(at(5));
    await agent.receive(planOf(at(6), [stored({ weights: { [`${OWN}/v1`]: 9_999 } })]));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await lastGood())?.position).toEqual(at(5));
  });
});

describe("an agent's own fallback", () => {
  async function onHalf() {
    const rig = aRig();
    await rig.agent.start();
    await rig.agent.receive(planOf(at(5), [stored({ weights: HALF, fallbacks: FALLBACKS })]));
    rig.mesh.setEvidence([lossOf(EU)]);
    await until("the switch", () => rig.mesh.splitOf(CHECKOUT).length === 1);
    return rig;
  }

  it("moves a lost cluster's share by the plan's fallback, at once and said", async () => {
    const { agent, mesh } = await onHalf();
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(LOCAL));
    expect(agent.status().fallback).toMatchObject({
      lostCluster: EU,
      evidence: "9 connects to eu-west/v1 failed in a row",
    });
    expect(agent.status().applied).toEqual(at(5));
  });

  it("stays under a newer plan that says nothing of it, and ends under one without weight there", async () => {
    const { agent, mesh } = await onHalf();
    const next = stored({ weights: { "eu-west/v1": 2_000, [`${OWN}/v1`]: 8_000 }, fallbacks: FALLBACKS });
    await agent.receive(planOf(at(6), [next]));
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(LOCAL));
    expect(agent.status().fallback?.lostCluster).toBe(EU);
    await agent.receive(planOf(at(7), [stored()]));
    expect(agent.status().fallback).toBeUndefined();
  });

  it("ends at the planner's word, given with the same plan again", async () => {
    const { agent, mesh } = await onHalf();
    const entry = stored({ weights: HALF, fallbacks: FALLBACKS });
    const ruling = create(PlanDeltaSchema, {
      fallbackRulings: [{ lostCluster: EU, outcome: FallbackOutcome.REVERSED }],
    }).fallbackRulings;
    await agent.receive(planOf(at(5), [entry], { fallbackRulings: ruling }));
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(HALF));
    expect(agent.status().fallback).toBeUndefined();
  });

  it("holds and says so when a second cluster looks lost as well", async () => {
    const { agent, mesh, alarms } = aRig();
    await agent.start();
    const weights = { "ap-south/v1": 3_000, "eu-west/v1": 3_000, [`${OWN}/v1`]: 4_000 };
    await agent.receive(planOf(at(5), [stored({ weights, fallbacks: FALLBACKS })]));
    mesh.setEvidence([lossOf(EU), lossOf("ap-south" as ClusterId)]);
    await until("the alarm", () => alarms.list().some((alarm) => alarm.startsWith("FALLBACK_HELD")));
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(weights));
    mesh.setEvidence([]);
    await until("the alarm to end", () => alarms.list().length === 0);
  });
});

describe("an operator at the cluster", () => {
  it("freezes everything, the agent's own fallback included, and unfreezes it", async () => {
    const { agent, mesh, alarms } = aRig();
    await agent.start();
    await agent.receive(planOf(at(5), [stored({ weights: HALF, fallbacks: FALLBACKS })]));
    agent.freeze();
    expect(codes(await agent.receive(planOf(at(6), [stored()])))).toEqual(["FROZEN"]);
    mesh.setEvidence([lossOf(EU)]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([mesh.splitOf(CHECKOUT), alarms.list().length]).toEqual([split(HALF), 1]);
    mesh.setEvidence([]);
    await agent.unfreeze();
    expect(codes(await agent.receive(planOf(at(6), [stored()])))).toEqual([]);
    expect([mesh.splitOf(CHECKOUT), alarms.list()]).toEqual([split(LOCAL), []]);
  });

  it("goes back to the last good plan, stays there over a restart, and forwards again at a word", async () => {
    const store = new MemoryPlanStore();
    const { agent, mesh } = aRig({ store, parts: { bakeMs: 20 } });
    await agent.start();
    expect(await agent.applyLastGood()).toBeUndefined();
    await agent.receive(planOf(at(5), [stored()]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    agent.close();
    const later = aRig({ store });
    await later.agent.start();
    await later.agent.receive(planOf(at(6), [stored({ weights: HALF })]));
    await later.agent.applyLastGood();
    expect(later.mesh.splitOf(CHECKOUT)).toEqual(split(LOCAL));
    expect(mesh.splitOf(CHECKOUT)).toEqual(split(LOCAL));
    later.agent.close();

    const restarted = aRig({ store });
    await restarted.agent.start("last-good");
    await until("a plan", () => restarted.mesh.splitOf(CHECKOUT).length > 0);
    expect(restarted.mesh.splitOf(CHECKOUT)).toEqual(split(LOCAL));
    expect([...heldHashes(restarted.agent.held() as Holding).values()]).toEqual([stored({ weights: HALF }).hash]);
    await restarted.agent.unfreeze();
    expect(restarted.mesh.splitOf(CHECKOUT)).toEqual(split(HALF));
  });
});
