import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { PlanRunner } from "../../src/engine/ports.ts";
import { startPlanRunner } from "../../src/io/plan-worker-runner.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { checkPlan } from "../../src/planner/check.ts";
import { CHECKOUT, committed, planOf, threeClusters } from "../planner/planning-fleet.ts";

const observed = { atMs: 0, collectingForMs: 0, clusters: {} };
const services = ["shop/checkout" as ServiceId];

let runner: PlanRunner;
afterEach(async () => await runner.close());

function startWith(code: string, timeoutMs: number): PlanRunner {
  const folder = mkdtempSync(join(tmpdir(), "weir-worker-"));
  const file = join(folder, "worker.mjs");
  writeFileSync(file, `import { parentPort } from "node:worker_threads";\n${code}`);
  const inner = startPlanRunner({ settings: DEFAULT_SETTINGS, timeoutMs, workerUrl: pathToFileURL(file) });
  return {
    plan: async (...task) => await inner.plan(...task),
    async close() {
      await inner.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describe("planning in a worker", () => {
  it("runs the product's planning there", async () => {
    runner = startPlanRunner({ settings: DEFAULT_SETTINGS, timeoutMs: 15_000 });
    expect(await runner.plan(EMPTY_FLEET, services, observed)).toMatchObject({ proposals: [], routeSets: {} });
  });

  it("kills a run that takes too long, and the next one starts afresh", async () => {
    const code = `let runs = 0; parentPort.on("message", ({ run }) => { while (true); });`;
    runner = startWith(code, 300);
    await expect(runner.plan(EMPTY_FLEET, services, observed)).rejects.toThrow("planning took longer than 300 ms");
    await expect(runner.plan(EMPTY_FLEET, services, observed)).rejects.toThrow("planning took longer than 300 ms");
  });

  it("tells when a run fails without a search too, and goes on", async () => {
    const code = `parentPort.on("message", ({ run }) =>
      parentPort.postMessage(run <= 2 ? { run, failure: "no route" } : { run, result: { proposals: [], routeSets: {} } }));`;
    runner = startWith(code, 5_000);
    await expect(runner.plan(EMPTY_FLEET, services, observed)).rejects.toThrow("no route");
    expect(await runner.plan(EMPTY_FLEET, services, observed)).toMatchObject({ proposals: [], routeSets: {} });
  });

  it.each([
    ["fails", `parentPort.postMessage({ run, failure: "a bug\\n    at somewhere" })`, "a bug"],
    ["takes too long", `while (true);`, "planning took longer than 5000 ms"],
    ["crashes", `throw new Error("out of luck")`, "out of luck"],
  ])(
    "does without the optimum where the search for it %s, and the reason of every share says why",
    async (_what, fault, because) => {
      // The product's own worker, but for what becomes of searches.
      const product = new URL("../../src/io/plan-worker.ts", import.meta.url);
      const code = `
      const on = parentPort.on.bind(parentPort);
      let clusters;
      parentPort.on = (name, listener) => on(name, (task) => {
        const { run, state, withoutSearch } = task;
        clusters = state.clusters ?? clusters;
        if (withoutSearch !== undefined) return listener({ ...task, state: { ...state, clusters } });
        ${fault};
      });
      await import(${JSON.stringify(product.href)});`;
      runner = startWith(code, 5_000);
      const fleet = threeClusters({}, { demandRps: 500 });
      const run = await runner.plan(fleet, [CHECKOUT], observed);
      expect(run.withoutSearch).toBe(because);
      const [proposal] = run.proposals;
      const shares = proposal?.plan.reasons.filter(({ kind }) => kind === "local" || kind === "spillover") ?? [];
      const texts = shares.map(({ text }) => text);
      expect(texts.length).toBeGreaterThanOrEqual(4);
      for (const text of texts) expect(text).toContain(`; by Waterfall: ${because}`);
      const { state, plan } = committed(fleet, planOf(fleet, { ...DEFAULT_SETTINGS, allocation: "waterfall" }));
      expect(proposal?.plan.routeSets).toEqual(plan.routeSets);
      expect(checkPlan(state, plan, DEFAULT_SETTINGS).ok).toBe(true);
    },
  );

  it("outlives a worker that crashes", async () => {
    runner = startWith(`parentPort.on("message", () => { throw new Error("out of luck"); });`, 5_000);
    await expect(runner.plan(EMPTY_FLEET, services, observed)).rejects.toThrow("out of luck");
    await expect(runner.plan(EMPTY_FLEET, services, observed)).rejects.toThrow("out of luck");
  });
});
