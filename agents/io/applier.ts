import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import type { RouteRefusal } from "../../src/model/report.ts";
import type { Applied, HeldPlan, LocalEndpoints, Mesh } from "../core/ports.ts";
import { messageOf } from "./durable-file.ts";

/** What the mesh shall route by. */
export interface Desired {
  readonly plan: HeldPlan;
  readonly avoid?: ClusterId;
  readonly endpoints: LocalEndpoints;
}

/** How long the mesh may take. */
export interface ApplyTiming {
  /** One apply is given up after this, in ms (a hung apply must not hold the agent: reliability L8). */
  readonly timeoutMs: number;
  /** Something newer waits at most this long for a running apply, in ms. */
  readonly supersedeAfterMs: number;
}

/** Defaults: 30 s as the watchdog, 1 s before something newer goes ahead. */
export const DEFAULT_APPLY_TIMING: ApplyTiming = { timeoutMs: 30_000, supersedeAfterMs: 1_000 };

/** How long a mesh that was told to stop may still take to say what it did, in ms. */
const STOP_GRACE_MS = 500;

/** Reasons of our own: those that are made up otherwise cost a stack trace each. */
const OVERDUE = "the mesh did not answer in time";
const SUPERSEDED = "something newer waits";

interface Waiter {
  readonly version: number;
  readonly resolve: (applied: Applied) => void;
}

/**
 * Brings the mesh to what is desired by now: one apply at a time, the newest state always, never a queue of old ones.
 * A mesh that hangs, throws or ignores its deadline costs a refusal, not the agent.
 */
export class Applier {
  readonly #mesh: Pick<Mesh, "apply">;
  readonly #desired: () => Desired | undefined;
  readonly #timing: ApplyTiming;
  #version = 0;
  #isRunning = false;
  #supersede: (() => void) | undefined;
  #overdue: (() => void) | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #waiters: Waiter[] = [];
  #hashes: Applied["hashes"] = {};

  constructor(mesh: Pick<Mesh, "apply">, desired: () => Desired | undefined, timing: ApplyTiming) {
    this.#mesh = mesh;
    this.#desired = desired;
    this.#timing = timing;
  }

  /** What the mesh routed by at the last answer. */
  hashes(): Applied["hashes"] {
    return this.#hashes;
  }

  /** Applies what is desired now, or something newer. Always resolves; what failed is in the refusals. */
  async apply(): Promise<Applied> {
    this.#version += 1;
    const version = this.#version;
    return await new Promise<Applied>((resolve) => {
      this.#waiters.push({ version, resolve });
      this.#supersede?.();
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waiters.length > 0) {
      const version = this.#version;
      // One after the other is the point.
      const { applied, wasSuperseded } = await this.#once();
      this.#hashes = applied.hashes;
      if (wasSuperseded && version !== this.#version) continue;
      const answered = this.#waiters.filter((waiter) => waiter.version <= version);
      this.#waiters = this.#waiters.filter((waiter) => waiter.version > version);
      for (const { resolve } of answered) resolve(applied);
    }
    this.#isRunning = false;
  }

  async #once(): Promise<{ readonly applied: Applied; readonly wasSuperseded: boolean }> {
    const desired = this.#desired();
    if (desired === undefined) return { applied: { hashes: this.#hashes, refusals: [] }, wasSuperseded: false };
    const stop = new AbortController();
    const { supersedeAfterMs } = this.#timing;
    const startedMs = performance.now();
    const timers: NodeJS.Timeout[] = [];
    const applied = await new Promise<Applied>((resolve) => {
      const giveUp = (reason: string): void => {
        if (stop.signal.aborted) return;
        stop.abort(reason);
        // A mesh that was told to stop may still say what it did.
        timers.push(setTimeout(() => resolve(this.#unanswered(desired)), STOP_GRACE_MS));
      };
      this.#overdue = () => giveUp(OVERDUE);
      this.#watch();
      this.#supersede = () => {
        const waitMs = Math.max(0, supersedeAfterMs - (performance.now() - startedMs));
        timers.push(setTimeout(() => giveUp(SUPERSEDED), waitMs));
      };
      this.#begin(desired, stop.signal).then(resolve, (cause: unknown) =>
        resolve(this.#failed(desired, "MESH_REJECTED", messageOf(cause))),
      );
    });
    this.#supersede = undefined;
    this.#overdue = undefined;
    for (const timer of timers) clearTimeout(timer);
    return { applied, wasSuperseded: stop.signal.reason === SUPERSEDED };
  }

  /** One watchdog for all: most applies end long before it would bark, and it barks at none then. */
  #watch(): void {
    if (this.#watchdog === undefined)
      this.#watchdog = setTimeout(() => this.#overdue?.(), this.#timing.timeoutMs).unref();
    else this.#watchdog.refresh();
  }

  async #begin({ plan, avoid, endpoints }: Desired, signal: AbortSignal): Promise<Applied> {
    return await this.#mesh.apply(plan, avoid === undefined ? { endpoints, signal } : { endpoints, signal, avoid });
  }

  #unanswered(desired: Desired): Applied {
    const detail = `no answer from the mesh within ${this.#timing.timeoutMs} ms; given up`;
    return this.#failed(desired, "APPLY_TIMEOUT", detail);
  }

  /** Everything that the mesh was not known to route by before counts as not applied. */
  #failed({ plan }: Desired, code: string, detail: string): Applied {
    const open = [...plan.routeSets].filter(([service, { hash }]) => this.#hashes[service] !== hash);
    const refusals = open.map(([service, { hash }]): RouteRefusal => ({ service, hash, code, detail }));
    return { hashes: this.#hashes, refusals };
  }
}

/** Services whose hash differs between two answers of the mesh. */
export function changedServices(before: Applied["hashes"], after: Applied["hashes"]): readonly ServiceId[] {
  const changed: ServiceId[] = [];
  for (const service of Object.keys(after) as ServiceId[])
    if (before[service] !== after[service]) changed.push(service);
  for (const service of Object.keys(before) as ServiceId[]) if (after[service] === undefined) changed.push(service);
  return changed;
}
