import { createHash, randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { DEFAULT_FALLBACK_POLICY } from "../../../agents/core/fallback.ts";
import { DEFAULT_LIMITS } from "../../../agents/core/recheck.ts";
import { DEFAULT_REPORT_POLICY } from "../../../agents/core/report.ts";
import { SYSTEM_CLOCK } from "../../../agents/io/clock.ts";
import { Enrolment } from "../../../agents/io/enrolment.ts";
import { IdentityFiles, identify } from "../../../agents/io/identity.ts";
import { joinFleet } from "../../../agents/io/join.ts";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { Runtime } from "../../../agents/io/runtime.ts";
import { FilePlanStore } from "../../../agents/io/store.ts";
import { MemoryMesh } from "../../../agents/mesh/memory/mesh.ts";
import type { ClusterId, ServiceId, Version } from "../../../src/model/ids.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY } from "../../../src/model/service.ts";
import { encodeJoinToken } from "../../../src/wire/join-token.ts";
import { must } from "../../io/grpc/small-engine.ts";
import { startPlanner } from "../../io/grpc/small-planner.ts";
import type { SmallPlanner } from "../../io/grpc/small-planner.ts";
import { CHECKOUT, OWN } from "../plans.ts";
import { aFolder, until } from "./folders.ts";

const CONFIG = {
  heartbeatMs: 1_000,
  bakeMs: 60_000,
  applyTimeoutMs: 5_000,
  fallback: DEFAULT_FALLBACK_POLICY,
  limits: DEFAULT_LIMITS,
  report: DEFAULT_REPORT_POLICY,
};
const SECRET = "0123456789abcdef0123";

async function aPlanner(): Promise<SmallPlanner> {
  const planner = await startPlanner();
  onTestFinished(async () => await planner[Symbol.asyncDispose]());
  return planner;
}

/** Registers a cluster at the planner and makes its token. */
async function register({ engine, authority, servers }: SmallPlanner, cluster: ClusterId): Promise<string> {
  const secretHash = createHash("sha256").update(SECRET).digest("hex");
  const spec = { cluster, region: "r", labels: {}, rttMs: {} };
  await must(engine, { kind: "register-cluster", spec, secretHash, expiresAtMs: Date.now() + 60_000 });
  const addresses = [servers.addresses.join];
  return encodeJoinToken({ addresses, pin: authority.pin, secret: SECRET, cluster });
}

/** Applies a service and releases a route set of it to the agent's cluster. */
function release({ engine }: SmallPlanner, service: ServiceId, port: number): void {
  const stableVersion = "v1" as Version;
  const deployments = [{ cluster: OWN, version: stableVersion }];
  const policies = { request: DEFAULT_REQUEST_POLICY, pace: DEFAULT_PACE_POLICY };
  const spec = { service, protocol: "http" as const, port, stableVersion, deployments, demandRps: {}, ...policies };
  engine.fold({ kind: "service-applied", spec });
  engine.release(OWN, service, port);
}

/** An agent of the cluster, joined and running, in a folder of its own. */
async function anAgent(planner: SmallPlanner, folder = aFolder()) {
  const files = new IdentityFiles(folder);
  const token = await register(planner, OWN);
  const joined = await joinFleet({ token, uid: "uid-12345678", log: SILENT_LOG, signal: AbortSignal.timeout(10_000) });
  const identity = identify(joined);
  await files.save(joined);
  const enrolment = new Enrolment(files, identity, [planner.servers.addresses.agent]);
  const mesh = new MemoryMesh(SYSTEM_CLOCK);
  const runtime = new Runtime({
    config: CONFIG,
    enrolment,
    uid: "uid-12345678",
    bootId: randomUUID(),
    version: "1",
    mesh,
    store: new FilePlanStore(folder),
    clock: SYSTEM_CLOCK,
    log: SILENT_LOG,
    link: { connectTimeoutMs: 2_000, backOffMs: 20, backOffMsMax: 100, refusedMs: 50 },
  });
  onTestFinished(async () => await runtime.close());
  await runtime.start();
  return { runtime, mesh };
}

describe("an agent at the planner's own listeners", () => {
  it("joins, waits to be accepted, then follows every release by deltas", async () => {
    const planner = await aPlanner();
    const { runtime, mesh } = await anAgent(planner);
    await until("the planner to say no", () =>
      planner.lines.some((line) => JSON.stringify(line).includes("NOT_ACCEPTED")),
    );
    expect(runtime.isLinked()).toBe(false);
    await must(planner.engine, { kind: "accept-cluster", cluster: OWN });
    await until("the link", () => planner.engine.streams.has(OWN));
    const other = "shop/cart" as ServiceId;
    release(planner, CHECKOUT, 8_080);
    await until("the first plan", () => mesh.splitOf(CHECKOUT).length > 0);
    release(planner, other, 8_081);
    await until("the second", () => mesh.splitOf(other).length > 0);
    expect(planner.engine.state().clusters.get(OWN)).toMatchObject({ membership: "active", uid: "uid-12345678" });
    expect(runtime.agent.status().applied?.revision).toBe(planner.engine.state().revisions.get(OWN));
    expect(runtime.agent.status().refusals).toEqual([]);
  });

  it("loses its link at once when it is revoked, and serves on", async () => {
    const planner = await aPlanner();
    const { runtime, mesh } = await anAgent(planner);
    await must(planner.engine, { kind: "accept-cluster", cluster: OWN });
    release(planner, CHECKOUT, 8_080);
    await until("the plan", () => mesh.splitOf(CHECKOUT).length > 0);
    await must(planner.engine, { kind: "revoke-cluster", cluster: OWN, reason: "test" });
    await until("the link to go", () => !runtime.isLinked() && !planner.engine.streams.has(OWN));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(planner.engine.streams.has(OWN)).toBe(false);
    expect(mesh.splitOf(CHECKOUT)).toHaveLength(1);
  });
});
