import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openLogReader } from "./log-reader.ts";
import type { LogReader } from "./log-reader.ts";
import { openStage, PATIENCE_MS, TEST_MS } from "./stage.ts";
import type { ReplicaName, Stage } from "./stage.ts";

let stage: Stage;
let log: LogReader;

beforeAll(async () => {
  stage = await openStage();
  log = await openLogReader(stage);
  await stage.joinClusters("east", "west");
  await stage.declareService("east", "west");
}, TEST_MS);
afterAll(async () => {
  await log.close();
  await stage.close();
}, PATIENCE_MS);
beforeEach(() => stage.explainFailure());

interface ShiftView {
  readonly shift: string;
  readonly phase?: string;
  readonly stepsTaken?: number;
}

/** Events that change who leads, what was asked for, or a plan; the others note what is seen. */
const CHANGES = /^(term|cluster|route-set|shift|service)-/;

/** Everything about plans that must not change when nothing was asked for. */
async function plansAt(replica: string): Promise<unknown> {
  const [plan, east, west] = await Promise.all([
    stage.json(["plan", "show"], replica),
    stage.agent("east"),
    stage.agent("west"),
  ]);
  const held = [east, west].map((view) => ({ position: view?.position, hashes: view?.appliedHashes }));
  return { shown: withoutProgress(plan), held };
}

/** What a plan says but for how far it is, as of when, and who last had the same routes planned anew (a cordon does). */
function withoutProgress(plan: object): unknown {
  const progress = new Set(["sequence", "waitsFor", "wave", "waves", "isSettled", "urgency"]);
  return JSON.parse(JSON.stringify(plan, (key, value: unknown) => (progress.has(key) ? undefined : value)));
}

async function untilLeads(replica: ReplicaName): Promise<void> {
  await stage.until(`${replica} leads`, async () => (await stage.self(replica))?.isLeading === true);
}

describe("two planner processes on one log", { timeout: TEST_MS }, () => {
  it("one leads, and both serve: reads, agents, and writes with whoever asked", async () => {
    const [leader, follower] = await stage.roles();
    expect((await stage.replicas(follower)).map(({ replica, isLeading = false }) => [replica, isLeading])).toEqual([
      [follower, false],
      [leader, true],
    ]);
    expect(await plansAt(follower)).toEqual(await plansAt(leader));
    const login = await stage.weir(["login", "--socket", `${stage.folder}/${follower}.sock`, "--operator", "ana"]);
    expect(login).toMatchObject({ code: 0, out: expect.stringContaining("operator:ana") });
    await stage.json([
      "cluster",
      "cordon",
      "east",
      "--context",
      "default",
      "--address",
      stage.operatorAddress(follower),
    ]);
    await stage.json(["cluster", "uncordon", "east"], follower);
    const records = await log.records();
    const cordon = records.findLast(({ events }) => events.some(({ kind }) => kind === "cluster-cordoned"));
    expect(cordon).toMatchObject({ writer: leader, actor: "operator:ana" });
    const uncordon = records.findLast(({ events }) => events.some(({ kind }) => kind === "cluster-uncordoned"));
    expect(uncordon).toMatchObject({ writer: leader, actor: expect.stringMatching(/^socket:uid-\d+$/) });
    await stage.until("the follower serves an agent too", async () => {
      await stage.kill("west");
      stage.startAgent("west");
      await stage.until("west is linked", async () => (await stage.agent("west"))?.isLinked === true);
      return (await stage.metric(follower, "weir_agent_streams")) === 1;
    });
    await stage.until("the metrics say who leads", async () => {
      const [leads, follows] = await Promise.all(
        [leader, follower].map(async (name) => stage.metric(name, "weir_leading")),
      );
      return leads === 1 && follows === 0;
    });
    expect((await stage.http(follower, "/metrics"))?.body).toContain("# TYPE weir_loss_short_rps gauge\n");
  });

  it("either previews alike and appends nothing, and a pin of one holds at the other until something moves", async () => {
    const [leader, follower] = await stage.roles();
    const preview = ["preview", "--drain", "east", "--force", "--lose", "west"];
    const changes = async (): Promise<number> =>
      (await log.records()).flatMap(({ events }) => events).filter(({ kind }) => CHANGES.test(kind)).length;
    let before = await changes();
    let answers: readonly object[] = [];
    await stage.until("both have folded the same", async () => {
      before = await changes();
      answers = await Promise.all([leader, follower].map(async (name) => stage.json(preview, name)));
      const [one, other] = answers.map(withoutProgress).map((answer) => JSON.stringify(answer));
      return one === other;
    });
    expect(await changes()).toBe(before);
    const { summary } = answers[1] as { readonly summary: { readonly pins: readonly { readonly digest: string }[] } };
    const digest = summary.pins[0]?.digest ?? "";
    expect(digest).not.toBe("");
    for (const act of ["cordon", "uncordon"]) await stage.json(["cluster", act, "west"], leader);
    expect(await stage.weir(["cluster", "drain", "east", "--force", "--pin", digest], follower)).toMatchObject({
      code: 1,
      err: expect.stringContaining("INPUTS_MOVED pinned_digest") as string,
    });
    expect((await stage.weir(["cluster", "list"])).out).not.toContain("drain");
  });

  it("a frozen leader that wakes up changes no plan and doubles no command", async () => {
    const [leader, other] = await stage.roles();
    const before = await plansAt(other);
    const records = await log.records();
    stage.signal(leader, "SIGSTOP");
    // Asked of the one that sleeps: it will find the request when it wakes, believing that it still leads.
    const asked = stage.json(["cluster", "cordon", "west", "--request-timeout", "60s"], leader);
    await untilLeads(other);
    expect((await stage.http(other, "/readyz"))?.status).toBe(200);
    await stage.json(["cluster", "cordon", "east"], other);
    stage.signal(leader, "SIGCONT");
    await asked;
    await stage.until("the sleeper follows", async () => (await stage.self(leader))?.isLeading !== true);
    await stage.untilReady(leader);
    const added = (await log.records()).slice(records.length);
    const kinds = added.flatMap(({ events }) => events).map(({ kind }) => kind);
    expect(kinds.filter((kind) => CHANGES.test(kind))).toEqual([
      "term-started",
      "cluster-cordoned",
      "cluster-cordoned",
    ]);
    expect(added.filter(({ writer }) => writer === leader)).toEqual([]);
    expect(await plansAt(other)).toEqual(before);
    await stage.until("both show the same", async () => {
      const [a, b] = [await plansAt(leader), await plansAt(other)];
      return JSON.stringify(a) === JSON.stringify(b);
    });
    for (const cluster of ["east", "west"]) await stage.json(["cluster", "uncordon", cluster]);
  });

  it("a process with a name that is taken leads and publishes nothing, until the other is gone", async () => {
    const [leader, other] = await stage.roles();
    const epoch = (await stage.self(leader))?.epoch;
    await stage.startTwinOf(leader);
    await stage.until("the twin yields", async () => {
      const said = await stage.http("twin", "/readyz");
      return said?.status === 503 && said.body.startsWith("REPLICA_NAME_TAKEN");
    });
    expect((await stage.self("twin"))?.halted).toMatch(/^REPLICA_NAME_TAKEN: .* replica name of its own/);
    await stage.until("its metrics say so", async () => {
      return (await stage.metric("twin", 'weir_halted{code="REPLICA_NAME_TAKEN"}')) === 1;
    });
    // It was harmless: the lead has not moved, and commands are answered.
    expect(await stage.roles()).toEqual([leader, other]);
    expect((await stage.self(leader))?.epoch).toBe(epoch);
    await stage.json(["cluster", "cordon", "east"]);
    await stage.json(["cluster", "uncordon", "east"]);
    await stage.kill(leader);
    await stage.untilReady("twin");
    await stage.kill("twin");
    stage.startPlanner(leader);
    await stage.untilReady(leader);
  });

  it("kill -9 of the leader moves the lead, and a running shift is finished", async () => {
    const [leader, other] = await stage.roles();
    const to = ["--to", "west/v1=60%", "--to", "east/v1=40%"];
    const pace = ["--step", "10%", "--bake", "1s", "--reason", "test"];
    const { shift } = await stage.json(["shift", "request", "shop/checkout", "--from", "east", ...to, ...pace], other);
    const { shift: id } = shift as { readonly shift: string };
    const shown = async (): Promise<ShiftView | undefined> => {
      const { shifts } = await stage.json(["shift", "list"], other);
      return (shifts as readonly ShiftView[]).find((found) => found.shift === id);
    };
    await stage.until("its first step is taken", async () => ((await shown())?.stepsTaken ?? 0) >= 1);
    await stage.kill(leader);
    await untilLeads(other);
    expect((await shown())?.phase).not.toBe("SHIFT_PHASE_COMPLETED");
    await stage.until("it is completed", async () => (await shown())?.phase === "SHIFT_PHASE_COMPLETED");
    const weights = await stage.json(["status", "shop/checkout"], other);
    expect(JSON.stringify(weights)).toContain("6000");
    stage.startPlanner(leader);
    await stage.untilReady(leader);
    expect(await stage.roles()).toEqual([other, leader]);
  });

  it("an agent that is restarted without any planner and without NATS routes by the plan it has", async () => {
    const before = await plansAt("p1");
    await stage.kill("p1", "p2", "nats");
    await stage.kill("east");
    stage.startAgent("east");
    await stage.until(
      "east routes again",
      async () => (await stage.agent("east"))?.appliedHashes["shop/checkout"] !== undefined,
    );
    const { held } = before as { readonly held: readonly { readonly position: string; readonly hashes: object }[] };
    expect(await stage.agent("east")).toMatchObject({
      position: held[0]?.position,
      appliedHashes: held[0]?.hashes,
      isLinked: false,
    });
    await stage.startNats();
    await stage.startPlanners();
    await stage.until("east is linked again", async () => (await stage.agent("east"))?.isLinked === true);
    expect(await plansAt("p1")).toEqual(before);
  });
});
