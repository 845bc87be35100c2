import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import type { RouteRefusal, WorkloadRow } from "../../src/model/report.ts";
import { assemble } from "../core/delta.ts";
import type { DeltaProblem, Offer } from "../core/delta.ts";
import { NO_FALLBACK, followPlan, watchEvidence } from "../core/fallback.ts";
import type { FallbackPolicy, FallbackState } from "../core/fallback.ts";
import { printPosition, routesBy, toldHashes, withRefused } from "../core/holding.ts";
import type { Holding } from "../core/holding.ts";
import { judgePosition } from "../core/judge.ts";
import type { Placed } from "../core/judge.ts";
import type { AgentClock, AgentStatus, Applied, LocalEndpoint, LocalEndpoints, Mesh } from "../core/ports.ts";
import { recheck } from "../core/recheck.ts";
import type { Limits } from "../core/recheck.ts";
import { Applier, changedServices } from "./applier.ts";
import type { ApplyTiming } from "./applier.ts";
import type { Alarms } from "./alarms.ts";
import type { AgentLog } from "./log.ts";
import { digestOf, namedPosition, readOffer } from "./offer.ts";
import type { Delta } from "./offer.ts";
import type { PlanStore } from "./store.ts";

/** What an agent is made of. */
export interface AgentParts {
  readonly cluster: ClusterId;
  readonly mesh: Mesh;
  readonly store: PlanStore;
  readonly clock: AgentClock;
  readonly log: AgentLog;
  readonly alarms: Alarms;
  readonly limits: Limits;
  readonly fallback: FallbackPolicy;
  readonly apply: ApplyTiming;
  /** How long a plan must work before it becomes *last good*, in ms. */
  readonly bakeMs: number;
  /** How often the evidence is looked at when nothing calls, in ms. */
  readonly evidenceMs: number;
  /** Called when the routes of services changed, and when anything is worth telling at once. */
  readonly routesChanged: (services: readonly (keyof Applied["hashes"])[]) => void;
  readonly alert: () => void;
}

/** What a delta is answered with. */
export type Reply =
  | {
      readonly kind: "acknowledgement";
      readonly position: PlanPosition;
      /** Digest over what the mesh routes by, lower-case hex. */
      readonly digest: string;
      readonly refusals: readonly RouteRefusal[];
    }
  | { readonly kind: "resync" };

type PlanPosition = Offer["position"];

/** Longest pause between two tries to apply what the mesh did not take, in ms. */
const RETRY_MS_MAX = 30_000;

/** What an operator froze: the plan that was in force, or the last good one. */
export type FrozenAt = "held" | "last-good";

/** How long the refusal of a whole plan is told: it speaks of a plan that was offered once, not of what is in force. */
const PLAN_REFUSAL_TOLD_MS = 30_000;

/**
 * The agent's life around its pure core: judge, store, apply, answer. Stored before the mesh is touched, never backwards,
 * and never without a plan because nobody sends one: what is held is served for ever.
 */
export class Agent {
  readonly #parts: AgentParts;
  readonly #applier: Applier;
  #held: Holding | undefined;
  /** Digest of what was told at this very position: made once. */
  #told: Placed | undefined;
  #lastGood: Holding | undefined;
  /** What the mesh is made to route by: `held`, unless an operator went back to `lastGood`. */
  #routed: Holding | undefined;
  #fallback: FallbackState = NO_FALLBACK;
  #endpoints: LocalEndpoints = new Map();
  #isFrozen = false;
  #planRefusal: { readonly refusal: RouteRefusal; readonly untilMs: number } | undefined;
  #meshRefusals: readonly RouteRefusal[] = [];
  #turn: Promise<void> = Promise.resolve();
  #evidenceTimer: NodeJS.Timeout | undefined;
  #baking: Holding | undefined;
  #bakeTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retries = 0;
  #stopTrouble: () => void = () => undefined;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#applier = new Applier(parts.mesh, () => this.#desired(), parts.apply);
  }

  /**
   * Takes up what was stored and brings the mesh to it, without waiting for the mesh or for any planner. Without a sound
   * plan the mesh stays as it is. `frozen`: an operator had stopped all changes before the agent ended.
   */
  async start(frozen?: FrozenAt): Promise<void> {
    const { store, alarms, log, mesh, evidenceMs } = this.#parts;
    const { current, lastGood, problems } = await store.load();
    for (const { detail } of problems) log.error({ detail }, "a stored plan is not sound");
    if (problems.length > 0) alarms.raise("LKG_INVALID", problems.map(({ detail }) => detail).join("; "));
    this.#held = current;
    this.#lastGood = lastGood;
    this.#routed = frozen === "last-good" ? (lastGood ?? current) : current;
    if (frozen !== undefined) this.freeze();
    if (current !== undefined) {
      this.#follow(undefined, current, []);
      log.info(
        { position: printPosition(current.position), services: current.routeSets.size },
        "routes by the stored plan",
      );
      void this.#apply();
      this.#bake(current);
    }
    this.#stopTrouble = mesh.onTrouble(() => this.#watch());
    this.#evidenceTimer = setInterval(() => this.#watch(), evidenceMs);
  }

  /** Stops deciding. What the mesh routes by stays. */
  close(): void {
    this.#stopTrouble();
    clearInterval(this.#evidenceTimer);
    clearTimeout(this.#bakeTimer);
    clearTimeout(this.#retryTimer);
  }

  /** What it holds, to be told to a planner. */
  held(): Holding | undefined {
    return this.#held;
  }

  /** Everything for a heartbeat but the link, which is not the agent's. */
  status(): Omit<AgentStatus, "isLinked"> {
    const { active } = this.#fallback;
    return {
      appliedHashes: this.#applier.hashes(),
      refusals: this.#refusals(),
      alarms: this.#parts.alarms.list(),
      ...(this.#held === undefined ? {} : { applied: this.#held.position }),
      ...(active === undefined ? {} : { fallback: active }),
    };
  }

  /**
   * What runs here: as the mesh sees it, and as it is listed where the mesh has not been told of it yet. The planner asks
   * for this when it plans a service for the first time.
   */
  workloads(): readonly WorkloadRow[] {
    const seen = this.#parts.mesh.workloads();
    const known = new Set(seen.map(({ service }) => service));
    const listed = [...this.#endpoints].filter(([service]) => !known.has(service));
    return [...seen, ...listed.flatMap(([service, versions]) => rowsOf(service, versions))];
  }

  /** Local endpoints changed. */
  setEndpoints(endpoints: LocalEndpoints): void {
    this.#endpoints = endpoints;
    if (this.#routed !== undefined) void this.#apply();
  }

  /** Takes a delta. One at a time, in the order they came. */
  async receive(delta: Delta): Promise<Reply> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#turn;
    this.#turn = promise;
    await before;
    try {
      return await this.#receive(delta);
    } finally {
      // A failure is the caller's; the next delta takes its turn all the same.
      resolve();
    }
  }

  async #receive(delta: Delta): Promise<Reply> {
    const offer = readOffer(delta);
    if (!offer.ok) return this.#refuse(offer.refusal, namedPosition(delta));
    const { position, digest, removed, rulings } = offer.value;
    if (this.#isFrozen) return this.#refuse(FROZEN, position);
    const held = this.#held;
    const placed = held === undefined ? undefined : { position: held.position, digest: this.#toldDigest(held) };
    const judgement = judgePosition({ position, digest }, placed);
    if (!judgement.ok) return this.#refuse(judgement.refusal, position);
    const next = assemble(held, offer.value, digestOf);
    if (!next.ok) return this.#unassembled(next.refusal, position);
    const { cluster, limits } = this.#parts;
    const lost = this.#fallback.active?.lostCluster;
    const checked = recheck(next.value, { own: cluster, held, removed, limits, lost });
    if (!checked.ok) return this.#refuse(checked.refusal, position);
    return await this.#adopt(checked.value, { digest, rulings });
  }

  #unassembled(problem: DeltaProblem, position: PlanPosition): Reply {
    if (problem.kind === "refused") return this.#refuse(problem.refusal, position);
    this.#parts.log.warn({ detail: problem.detail }, "a delta does not fit what is held; asks for everything");
    return { kind: "resync" };
  }

  async #adopt(next: Holding, { digest, rulings }: Pick<Offer, "digest" | "rulings">): Promise<Reply> {
    const before = this.#held;
    const saved = await this.#parts.store.saveCurrent(next);
    if (!saved.ok) {
      this.#parts.alarms.raise("LKG_INVALID", saved.refusal.detail);
      return this.#refuse({ code: saved.refusal.code, field: "", message: saved.refusal.detail }, next.position);
    }
    this.#parts.alarms.clear("LKG_INVALID");
    this.#planRefusal = undefined;
    this.#held = next;
    this.#told = { position: next.position, digest };
    this.#routed = next;
    this.#follow(before, next, rulings);
    const applied = await this.#apply();
    if (applied.refusals.length > 0) await this.#keepOlder(next, before, applied);
    this.#bake(next);
    const refusals = this.#refusals();
    this.#parts.log.info(
      { position: printPosition(next.position), services: next.routeSets.size, refused: refusals.length },
      "follows a new plan",
    );
    return { kind: "acknowledgement", position: next.position, digest: this.#appliedDigest(), refusals };
  }

  /** What the mesh refused is replaced by what it had, on the disk too, so that a restart does not try it again. */
  async #keepOlder(next: Holding, before: Holding | undefined, { refusals }: Applied): Promise<void> {
    const rejected = refusals.filter(({ service, hash, code }) => {
      return code !== "APPLY_TIMEOUT" && before?.routeSets.get(service)?.hash !== hash;
    });
    if (rejected.length === 0 || this.#held !== next) return;
    const kept = withRefused(next, { refusals: rejected, previous: before });
    this.#held = kept;
    this.#routed = kept;
    const saved = await this.#parts.store.saveCurrent(kept);
    if (!saved.ok) this.#parts.alarms.raise("LKG_INVALID", saved.refusal.detail);
  }

  #refuse({ code, field, message }: PlanProblem, position: PlanPosition | undefined): Reply {
    const detail = field === "" ? message : `${field}: ${message}`;
    const refusal = { service: "" as RouteRefusal["service"], hash: "", code, detail };
    this.#planRefusal = { refusal, untilMs: this.#parts.clock.monotonicMs() + PLAN_REFUSAL_TOLD_MS };
    this.#parts.log.warn({ code, detail }, "refuses a plan; what is held stays in force");
    this.#parts.alert();
    const refused = position ??
      this.#held?.position ?? { incarnation: { generation: 0, id: "" }, epoch: 0, revision: 0 };
    return { kind: "acknowledgement", position: refused, digest: this.#appliedDigest(), refusals: this.#refusals() };
  }

  #refusals(): readonly RouteRefusal[] {
    // Nearly always.
    if (this.#held?.refused.size === 0 && this.#planRefusal === undefined) return this.#meshRefusals;
    const remembered = [...(this.#held?.refused.values() ?? [])];
    const named = new Set(remembered.map(({ service }) => service));
    const recent = this.#planRefusal;
    const whole = recent !== undefined && this.#parts.clock.monotonicMs() < recent.untilMs ? [recent.refusal] : [];
    return [...whole, ...remembered, ...this.#meshRefusals.filter(({ service }) => !named.has(service))];
  }

  #appliedDigest(): string {
    const held = this.#held;
    const hashes = this.#applier.hashes();
    if (held !== undefined && held.refused.size === 0 && routesBy(hashes, held)) return this.#toldDigest(held);
    return digestOf(new Map(Object.entries(hashes) as [ServiceId, string][]));
  }

  /** Digest of everything that the planner said, refused or not: what of it is refused changes nothing about it. */
  #toldDigest(held: Holding): string {
    if (this.#told?.position !== held.position)
      this.#told = { position: held.position, digest: digestOf(toldHashes(held)) };
    return this.#told.digest;
  }

  #desired() {
    if (this.#routed === undefined) return undefined;
    const avoid = this.#fallback.active?.lostCluster;
    return { plan: this.#routed, endpoints: this.#endpoints, ...(avoid === undefined ? {} : { avoid }) };
  }

  async #apply(): Promise<Applied> {
    const before = this.#applier.hashes();
    const applied = await this.#applier.apply();
    this.#meshRefusals = applied.refusals;
    const changed = changedServices(before, applied.hashes);
    if (changed.length > 0) this.#parts.routesChanged(changed);
    if (applied.refusals.length > 0) this.#parts.alert();
    this.#retryLater();
    return applied;
  }

  /** A mesh that did not answer may do so later: a proxy that starts, one that is back. */
  #retryLater(): void {
    clearTimeout(this.#retryTimer);
    const [open] = this.#meshRefusals.filter(({ code }) => code === "APPLY_TIMEOUT");
    if (open === undefined) {
      this.#retries = 0;
      this.#parts.alarms.clear("APPLY_TIMEOUT");
      return;
    }
    this.#parts.alarms.raise("APPLY_TIMEOUT", `${open.service}: ${open.detail}`);
    const waitMs = Math.min(RETRY_MS_MAX, 1_000 * 2 ** Math.min(this.#retries, 10));
    this.#retries += 1;
    this.#retryTimer = setTimeout(() => void this.#apply(), waitMs);
  }

  #follow(before: Holding | undefined, after: Holding, rulings: Offer["rulings"]): void {
    const { fallback: policy, clock, log } = this.#parts;
    const { active } = this.#fallback;
    const { state, outcome } = followPlan(this.#fallback, {
      before,
      after,
      rulings,
      policy,
      nowMs: clock.monotonicMs(),
    });
    this.#fallback = state;
    if (outcome !== "unchanged") log.info({ cluster: active?.lostCluster, outcome }, "its own fallback ends");
  }

  /** Looks at the evidence, and switches if it is enough. */
  #watch(): void {
    const { mesh, cluster: own, fallback: policy, clock, log, alarms, alert } = this.#parts;
    const plan = this.#routed;
    if (plan === undefined || this.#isFrozen) return;
    const [nowMs, wallMs] = [clock.monotonicMs(), clock.nowMs()];
    const decision = watchEvidence(this.#fallback, { plan, own, evidence: mesh.evidence(), policy, nowMs, wallMs });
    this.#fallback = decision.state;
    if (decision.outcome === "held")
      alarms.raise("FALLBACK_HELD", `${decision.lost.join(", ")} look lost at once; everything stays as it is`);
    else alarms.clear("FALLBACK_HELD");
    if (decision.outcome !== "switched") return;
    log.warn({ ...decision.state.active }, "follows the plan's fallback on its own evidence");
    alert();
    void this.#apply();
  }

  /** A plan that has worked for the whole bake becomes *last good*. */
  #bake(plan: Holding): void {
    this.#baking = plan;
    if (this.#bakeTimer === undefined)
      this.#bakeTimer = setTimeout(() => void this.#baked(this.#baking), this.#parts.bakeMs);
    else this.#bakeTimer.refresh();
  }

  async #baked(baking: Holding | undefined): Promise<void> {
    const held = this.#held;
    if (held === undefined || held.position !== baking?.position || this.#routed !== held || !this.#isWorking(held))
      return;
    const saved = await this.#parts.store.saveLastGood(held);
    if (saved.ok) this.#lastGood = held;
    else this.#parts.alarms.raise("LKG_INVALID", saved.refusal.detail);
  }

  #isWorking(held: Holding): boolean {
    const hashes = this.#applier.hashes();
    const isApplied = held.routeSets.entries().every(([service, { hash }]) => hashes[service] === hash);
    return isApplied && held.refused.size === 0 && this.#fallback.active === undefined;
  }

  /** An operator at the cluster stops all changes, the agent's own included, until `unfreeze`. */
  freeze(): void {
    this.#isFrozen = true;
    this.#parts.alarms.raise("FROZEN", "an operator at the cluster stopped all changes");
    this.#parts.log.warn({}, "frozen by an operator at the cluster");
  }

  /** Takes changes again, and routes by the plan that is held. */
  async unfreeze(): Promise<Applied> {
    this.#isFrozen = false;
    this.#planRefusal = undefined;
    this.#routed = this.#held;
    this.#parts.alarms.clear("FROZEN");
    this.#parts.log.warn({}, "unfrozen by an operator at the cluster");
    return await this.#apply();
  }

  /** An operator at the cluster goes back to the last plan that worked for its whole bake, and stops there. */
  async applyLastGood(): Promise<Applied | undefined> {
    if (this.#lastGood === undefined) return undefined;
    this.freeze();
    this.#routed = this.#lastGood;
    this.#parts.log.warn({ position: printPosition(this.#lastGood.position) }, "back to the last good plan");
    return await this.#apply();
  }
}

function rowsOf(service: ServiceId, versions: ReadonlyMap<string, readonly LocalEndpoint[]>): readonly WorkloadRow[] {
  return [...versions].map(([version, { length }]) => {
    return { service, version: version as Version, readyEndpoints: length, totalEndpoints: length };
  });
}

/** A refusal of a whole plan; its code may be one that only agents use. */
type PlanProblem = Omit<Refusal, "code"> & { readonly code: string };

const FROZEN: PlanProblem = {
  code: "FROZEN",
  field: "",
  message: "an operator at the cluster stopped all changes; unfreeze at the agent's own socket",
};
