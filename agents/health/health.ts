import { compareNames } from "../../src/model/ids.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import type { RouteRefusal, WorkloadRow } from "../../src/model/report.ts";
import { encodeHeartbeat, encodeWindow, splitWindow } from "../../src/wire/report-bytes.ts";
import type { ReportHead } from "../../src/wire/report.ts";
import type { AgentClock, AgentStatus, Mesh } from "../core/ports.ts";
import { attend, count, dueServices, reported, utilisationIn } from "../core/report.ts";
import type { ReportPolicy, Tallies } from "../core/report.ts";

/** Who reports: the same in every message of one boot. */
export type Reporter = Omit<ReportHead, "sequence">;

/** Most route sets that one heartbeat names: at some 80 bytes each they stay below the bus's 64 KiB. */
export const HEARTBEAT_ROUTE_SETS_MAX = 500;

/** Most refusals in one heartbeat; the acknowledgement on the stream has them all. */
const REFUSALS_MAX = 50;
const DETAIL_LENGTH_MAX = 300;

/** How often the agent speaks. */
export interface HealthTiming {
  /** Time between heartbeats, in ms. */
  readonly tickMs: number;
  /** How long news waits for more of its kind before a heartbeat goes out ahead of its time, in ms. */
  readonly coalesceMs: number;
}

/** Defaults: a heartbeat each second, news within 100 ms (architecture, Reports). */
export const DEFAULT_HEALTH_TIMING: HealthTiming = { tickMs: 1_000, coalesceMs: 100 };

/** What the health reports are made of and where they go. */
export interface HealthParts {
  readonly reporter: Reporter;
  readonly mesh: Pick<Mesh, "takeWindow" | "peers" | "workloads">;
  readonly status: () => AgentStatus;
  /** Sends without waiting; a message that cannot be sent now is lost, the next one says more. */
  readonly publish: (kind: "heartbeat" | "window", bytes: Uint8Array) => void;
  readonly clock: AgentClock;
  readonly policy: ReportPolicy;
  readonly timing: HealthTiming;
}

/**
 * Turns what the mesh counts into reports: a heartbeat each tick, the numbers of services in turn, and both at once when
 * something breaks. Holds nothing up and waits for nothing.
 */
export class Health {
  readonly #parts: HealthParts;
  #tallies: Tallies = new Map();
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #workloads: ReadonlyMap<ServiceId, string> = new Map();
  #turn = 0;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** Begins to report. */
  start(): void {
    this.#timer ??= setInterval(() => this.tick(), this.#parts.timing.tickMs);
  }

  /** Stops for good, with nothing sent any more. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  /** Something broke or mended: says so within `coalesceMs`, however often it is called. */
  alert(): void {
    if (this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.tick();
    }, this.#parts.timing.coalesceMs);
  }

  /** Routes of these services changed just now: closes their windows, so that new ones count the new shares only. */
  routesChanged(services: readonly ServiceId[]): void {
    this.#count();
    this.#sendWindows(services);
    this.#tallies = attend(this.#tallies, services, this.#moment());
  }

  /** One heartbeat and the numbers that are due. */
  tick(): void {
    this.#count();
    this.#sendHeartbeat();
    const due = dueServices(this.#tallies, this.#moment());
    const moved = this.#movedWorkloads();
    this.#sendWindows([...new Set([...due, ...moved])].toSorted(compareNames));
  }

  #moment(): { readonly nowMs: number; readonly policy: ReportPolicy } {
    return { nowMs: this.#parts.clock.monotonicMs(), policy: this.#parts.policy };
  }

  #count(): void {
    const { status, mesh } = this.#parts;
    const routed = Object.keys(status().appliedHashes) as ServiceId[];
    // What runs here counts before anything is routed to it: the planner asks for it when it plans a new service.
    const services = [...routed, ...mesh.workloads().map(({ service }) => service)];
    this.#tallies = count(this.#tallies, mesh.takeWindow(), { services, ...this.#moment() });
  }

  #sendHeartbeat(): void {
    const { reporter, clock, mesh, publish } = this.#parts;
    const status = this.#parts.status();
    const part = this.#heartbeatPart(status);
    const bytes = encodeHeartbeat({
      kind: "heartbeat",
      ...reporter,
      ...status,
      sequence: this.#next(),
      sentAtMs: clock.nowMs(),
      appliedHashes: part ?? status.appliedHashes,
      appliedCoverage: part === undefined ? "complete" : "part",
      refusals: status.refusals.slice(0, REFUSALS_MAX).map(shortened),
      peers: mesh.peers(),
    });
    publish("heartbeat", bytes);
  }

  /** A cluster with very many services names its hashes in turn, some in each heartbeat. */
  #heartbeatPart({ appliedHashes }: AgentStatus): AgentStatus["appliedHashes"] | undefined {
    const entries = Object.entries(appliedHashes).toSorted(([a], [b]) => compareNames(a, b));
    if (entries.length <= HEARTBEAT_ROUTE_SETS_MAX) return undefined;
    const start = this.#turn % entries.length;
    this.#turn = start + HEARTBEAT_ROUTE_SETS_MAX;
    return Object.fromEntries([...entries, ...entries].slice(start, start + HEARTBEAT_ROUTE_SETS_MAX));
  }

  #sendWindows(services: readonly ServiceId[]): void {
    const { reporter, publish, mesh } = this.#parts;
    const wanted = services.filter((service) => (this.#tallies.get(service)?.windowMs ?? 0) > 0);
    const workloads = Map.groupBy(mesh.workloads(), ({ service }) => service);
    const groups = Map.groupBy(wanted, (service) => Math.round((this.#tallies.get(service)?.windowMs ?? 0) / 10) * 10);
    for (const [windowMs, members] of groups) {
      const traffic = members.flatMap((service) => [...(this.#tallies.get(service)?.rows.values() ?? [])]);
      const rows = members.flatMap((service) =>
        (workloads.get(service) ?? []).map((row) => this.#withUtilisation(row)),
      );
      if (traffic.length + rows.length === 0) continue;
      for (const part of splitWindow({ traffic, workloads: rows }))
        publish("window", encodeWindow({ kind: "window", ...reporter, sequence: this.#next(), windowMs, ...part }));
    }
    this.#tallies = reported(this.#tallies, wanted, this.#moment());
  }

  #withUtilisation(row: WorkloadRow): WorkloadRow {
    const tally = this.#tallies.get(row.service);
    const utilisation = tally === undefined ? undefined : utilisationIn(tally, row.version);
    return utilisation === undefined ? row : { ...row, utilisation };
  }

  /** Services whose local readiness changed since the last look. */
  #movedWorkloads(): readonly ServiceId[] {
    const rows = Map.groupBy(this.#parts.mesh.workloads(), ({ service }) => service);
    const now = new Map([...rows].map(([service, its]) => [service, fingerprint(its)]));
    const before = this.#workloads;
    this.#workloads = now;
    return [...now.keys()].filter((service) => before.get(service) !== now.get(service));
  }

  #next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

function shortened(refusal: RouteRefusal): RouteRefusal {
  return { ...refusal, detail: refusal.detail.slice(0, DETAIL_LENGTH_MAX) };
}

function fingerprint(rows: readonly WorkloadRow[]): string {
  const texts = rows.map(
    (row) => `${row.version}:${row.readyEndpoints}/${row.totalEndpoints}@${row.capacityRps ?? ""}`,
  );
  return texts.toSorted(compareNames).join(" ");
}
