import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/engine/ledger.ts";
import { planDue } from "../../src/engine/plan-due.ts";
import type { PlanDueParts } from "../../src/engine/plan-due.ts";
import { planRunOf } from "../../src/engine/plan-run.ts";
import { planSlice } from "../../src/engine/plan-slice.ts";
import type { PlanRun } from "../../src/engine/ports.ts";
import { SYSTEM_CLOCK } from "../../src/io/clock.ts";
import type { Command } from "../../src/model/command.ts";
import type { FleetEvent } from "../../src/model/event.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { Actor, ServiceId } from "../../src/model/ids.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { decide } from "../../src/planner/decide.ts";
import { dueServices } from "../../src/planner/due.ts";
import { evolve } from "../../src/planner/evolve.ts";
import { planServices } from "../../src/planner/plan.ts";
import { codec } from "../../src/wire/codec.ts";
import { SILENT } from "../bench/agent-parts.ts";
import { liveFleet, planned, recordOf } from "../bench/planning/live-fleet.ts";
import { randomFleet } from "../scenarios/random-fleet.ts";

const DOCUMENT = randomFleet({
  seed: 4,
  services: 90,
  clusters: 12,
  capacities: { kind: "arbitrary", low: 0.4, high: 0.75 },
});

/** The planner's own decisions and planning without a log: what is submitted is decided and folded at once. */
class Loop {
  readonly ledger: Ledger;
  readonly runs: (readonly ServiceId[])[] = [];
  /** Whose proposals lead to nothing. */
  refused: ServiceId | undefined;
  /** What happens before a run, by its number. */
  before: (run: number) => void = () => undefined;
  isLeading = true;

  constructor(state: FleetState) {
    this.ledger = new Ledger(state);
  }

  async plan(): Promise<void> {
    await planDue(this.#parts(), AbortSignal.timeout(60_000));
  }

  commit(events: readonly FleetEvent[]): void {
    const { state } = this.ledger;
    const record = recordOf(state, events);
    this.ledger.fold(evolve(state, record), record);
  }

  #parts(): PlanDueParts {
    return {
      clock: SYSTEM_CLOCK,
      codec,
      decider: { dueServices },
      ledger: this.ledger,
      logger: SILENT,
      observed: () => ({ atMs: this.ledger.state.atMs, collectingForMs: 3_600_000, clusters: {} }),
      runner: { plan: async (state, services) => this.#run(state, services), close: async () => undefined },
      settings: DEFAULT_SETTINGS,
      submit: async (command) => this.#submit(command),
      writer: { isLeading: () => this.isLeading },
    };
  }

  #run(state: FleetState, services: readonly ServiceId[]): PlanRun {
    this.before(this.runs.length);
    this.runs.push(services);
    return planRunOf(planServices(structuredClone(planSlice(state, services)), services, DEFAULT_SETTINGS), codec);
  }

  #submit(command: Command): void {
    if (command.kind === "propose" && command.proposals.some(({ plan }) => plan.service === this.refused)) return;
    const { state } = this.ledger;
    const envelope = { command, atMs: state.atMs, actor: "planner" as Actor, requestId: "", requestDigest: "" };
    const decided = decide(state, envelope, DEFAULT_SETTINGS);
    if (!decided.ok) throw new Error(decided.refusal.message);
    if (decided.value.length > 0) this.commit(decided.value);
  }
}

function death(index: number): FleetEvent {
  const cluster = DOCUMENT.clusters[index];
  if (cluster === undefined) throw new Error("the fleet has clusters");
  return { kind: "verdict-changed", cluster: cluster.name, verdict: "dead", evidence: "a test" };
}

describe("planning what is due", () => {
  it("brings every service to the plan that one run over all of them would make", async () => {
    const bare = liveFleet(DOCUMENT);
    const loop = new Loop(bare);
    await loop.plan();
    expect(loop.runs.length).toBeGreaterThan(5);
    const whole = planned(bare, DEFAULT_SETTINGS);
    for (const [name, { rollout }] of loop.ledger.state.services)
      expect(rollout?.plan).toEqual(whole.services.get(name)?.rollout?.plan);
    expect(loop.runs.flat().toSorted()).toEqual([...bare.services.keys()].toSorted());
  });

  it("plans after a death only those whom it concerns", async () => {
    const loop = new Loop(planned(liveFleet(DOCUMENT), DEFAULT_SETTINGS));
    loop.commit([death(3)]);
    const { state } = loop.ledger;
    const concerned = [...state.services.values()].filter(({ spec }) =>
      spec.deployments.some(({ cluster }) => cluster === DOCUMENT.clusters[3]?.name),
    );
    await loop.plan();
    expect(loop.runs.flat().toSorted()).toEqual(concerned.map(({ spec }) => spec.service).toSorted());
    expect(concerned.length).toBeLessThan(state.services.size / 1.3);
  });

  it("takes whom a death concerns before the rest of a whole fleet", async () => {
    const loop = new Loop(liveFleet(DOCUMENT));
    await loop.plan();
    loop.runs.splice(0);
    // Everything is due anew, and in the middle of it somebody dies.
    const specs = [...loop.ledger.state.services.values()].map(({ spec }) => spec);
    loop.commit(specs.map((spec) => ({ kind: "service-applied", spec: { ...spec, port: 9_090 } })));
    loop.before = (run) => {
      if (run === 1) loop.commit([death(3)]);
    };
    await loop.plan();
    const urgent = new Set(
      specs
        .filter(({ deployments }) => deployments.some(({ cluster }) => cluster === DOCUMENT.clusters[3]?.name))
        .map(({ service }) => service),
    );
    // What was begun is finished; then come the urgent, and nobody else before them.
    const after = loop.runs.slice(8).flat();
    const firstCalm = after.findIndex((name) => !urgent.has(name));
    const lastUrgent = after.findLastIndex((name) => urgent.has(name));
    expect(lastUrgent).toBeGreaterThan(0);
    expect(firstCalm === -1 || firstCalm > lastUrgent).toBe(true);
  });

  it("tries what leads to nothing once, and the rest as ever", async () => {
    const loop = new Loop(liveFleet(DOCUMENT));
    const [name] = [...loop.ledger.state.services.keys()];
    loop.refused = name;
    loop.before = (run) => {
      if (run > 200) throw new Error("it never ends");
    };
    await loop.plan();
    expect(loop.runs.flat().filter((found) => found === name)).toHaveLength(1);
    const left = [...loop.ledger.state.services.values()].filter(({ rollout }) => rollout === undefined);
    // A run's proposals go together.
    expect(left.length).toBeLessThanOrEqual(8);
    expect(left.map(({ spec }) => spec.service)).toContain(name);
  });

  it("stops when the lead is lost", async () => {
    const loop = new Loop(liveFleet(DOCUMENT));
    loop.before = (run) => {
      if (run === 2) loop.isLeading = false;
    };
    await loop.plan();
    expect(loop.runs.length).toBeLessThanOrEqual(4);
  });
});
