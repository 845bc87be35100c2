import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openLogReader } from "./log-reader.ts";
import { openStage, PATIENCE_MS, TEST_MS } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  await stage.joinClusters("east", "west");
  await stage.declareService("east", "west");
}, TEST_MS);
afterAll(async () => stage.close(), PATIENCE_MS);
beforeEach(() => stage.explainFailure());

/** What the agents route by. */
async function held(): Promise<unknown> {
  const views = await Promise.all(["east", "west"].map(async (cluster) => stage.agent(cluster)));
  return views.map((view) => ({ position: view?.position, hashes: view?.appliedHashes }));
}

/** Moves half of east's requests, or back, and waits until it is done. */
async function shift(...to: readonly string[]): Promise<void> {
  const pace = ["--step", "100%", "--bake", "0s", "--reason", "test", "--wait"];
  const { code, err } = await stage.weir(["shift", "request", "shop/checkout", "--from", "east", ...to, ...pace]);
  if (code !== 0) throw new Error(err);
}

async function untilHalted(replica: string): Promise<void> {
  await stage.until(`${replica} says STORE_ROLLED_BACK`, async () => {
    const said = await stage.http(replica, "/readyz");
    return said?.status === 503 && said.body.startsWith("STORE_ROLLED_BACK");
  });
  await stage.until(`${replica}'s metrics say so`, async () => {
    return (await stage.metric(replica, 'weir_halted{code="STORE_ROLLED_BACK"}')) === 1;
  });
}

async function replaceStore(copy: string | undefined): Promise<void> {
  await stage.kill("p1", "p2", "nats");
  stage.restoreStore(copy);
  await stage.startNats();
  for (const replica of ["p1", "p2"]) stage.startPlanner(replica);
}

describe("a store that was restored from an older copy", { timeout: TEST_MS }, () => {
  it("is published from only after weir recover, which says before what it changes", async () => {
    await stage.kill("nats");
    const copy = stage.keepStore();
    await stage.startNats();
    await stage.untilReady("p1");
    await shift("--to", "west/v1=50%", "--to", "east/v1=50%");
    const before = await held();
    await replaceStore(copy);
    for (const replica of ["p1", "p2"]) await untilHalted(replica);
    const status = await stage.weir(["status"]);
    expect(status.out).toMatch(/publishes nothing: STORE_ROLLED_BACK/);
    await stage.until("either replica says of both that they are halted", async () => {
      const known = await Promise.all([stage.replicas("p1"), stage.replicas("p2")]);
      return known.flat().every(({ halted }) => halted?.startsWith("STORE_ROLLED_BACK") === true);
    });
    const refused = await stage.weir(["cluster", "cordon", "east"]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("STORE_ROLLED_BACK") });
    expect(await held()).toEqual(before);

    // An agent is a witness from its first report or hello on.
    await stage.until("both agents are witnesses", async () => {
      const { out } = await stage.weir(["recover"]);
      return ["east", "west"].every((cluster) => out.includes(`${cluster}: holds`));
    });
    const preview = await stage.weir(["recover"]);
    expect(preview.out).toMatch(/^the log is generation 1 and ends at \d+/);
    for (const cluster of ["east", "west"]) {
      expect(preview.out).toMatch(new RegExp(`${cluster}: holds generation 1, .*; will be told generation 2,`));
    }
    expect(await stage.weir(["recover", "--yes"])).toMatchObject({ code: 2, err: expect.stringContaining("--reason") });
    const digest = await stage.recover({ digest: "0".repeat(64), reason: "test" });
    expect(digest).toMatchObject({ code: "INPUTS_MOVED", field: "digest" });
    expect(await held()).toEqual(before);

    const done = await stage.weir(["recover", "--yes", "--reason", "restored last night's copy"]);
    expect(done).toMatchObject({ code: 0, out: "recovered: the log is now generation 2" });
    for (const replica of ["p1", "p2"]) await stage.untilReady(replica);
    await stage.until("both agents follow the restored log", async () => {
      const views = await Promise.all(["east", "west"].map(async (cluster) => stage.agent(cluster)));
      return views.every((view) => view?.isLinked === true && view.position?.startsWith("2/") === true);
    });
    await stage.until("everything is applied", async () => {
      const { sources } = await stage.json(["status"]);
      return (sources as readonly { readonly waitsFor?: string }[]).every(({ waitsFor }) => waitsFor === "");
    });
    // What was asked for after the copy was made is gone, and is asked for anew.
    await shift("--to", "west/v1=40%", "--to", "east/v1=60%");
    const log = await openLogReader(stage);
    const raised = (await log.records()).filter(({ events }) =>
      events.some(({ kind }) => kind === "incarnation-raised"),
    );
    await log.close();
    expect(raised).toMatchObject([{ actor: expect.stringMatching(/^socket:/) }]);
    expect(await stage.weir(["recover", "--yes", "--reason", "again"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("NOT_RECOVERABLE"),
    });
  });
});

describe("a store that was wiped under running planners", { timeout: TEST_MS }, () => {
  it("is noticed, leaves agents with what they hold, and takes them in again as new registrations", async () => {
    const before = await held();
    await stage.kill("nats");
    stage.restoreStore(undefined);
    await stage.startNats();
    for (const replica of ["p1", "p2"]) {
      await stage.until(`${replica} is not ready`, async () => {
        const said = await stage.http(replica, "/readyz");
        return said?.status === 503 && /^STORE_(CORRUPT|ROLLED_BACK)/.test(said.body);
      });
    }
    expect((await stage.weir(["cluster", "cordon", "east"])).code).toBe(1);
    expect(await held()).toEqual(before);

    await stage.kill("p1", "p2");
    for (const replica of ["p1", "p2"]) stage.startPlanner(replica);
    for (const replica of ["p1", "p2"]) await untilHalted(replica);
    expect(await held()).toEqual(before);
    expect((await stage.weir(["recover", "--yes", "--reason", "the disk is lost"])).code).toBe(0);
    for (const replica of ["p1", "p2"]) await stage.untilReady(replica);
    for (const cluster of ["east", "west"]) {
      const { token } = await stage.json(["cluster", "register", cluster]);
      await stage.kill(cluster);
      stage.startAgent(cluster, String(token));
      await stage.accept(cluster);
    }
    await stage.declareService("east", "west");
    await stage.until("both agents follow the new log", async () => {
      const views = await Promise.all(["east", "west"].map(async (cluster) => stage.agent(cluster)));
      return views.every((view) => view?.isLinked === true && view.position?.startsWith("3/") === true);
    });
  });
});
