import type { Feature } from "../../../src/model/cluster.ts";
import { keyOf } from "../../../src/model/destination.ts";
import type { Split } from "../../../src/model/destination.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import type { PeerRow, RouteRefusal, TrafficRow, WorkloadRow } from "../../../src/model/report.ts";
import { effectiveSplit } from "../../core/effective.ts";
import type {
  AgentClock,
  Applied,
  DestinationEvidence,
  HeldPlan,
  LocalEndpoints,
  Mesh,
  MeshWindow,
} from "../../core/ports.ts";

/** How a mesh in memory misbehaves. */
export interface MemoryFaults {
  /** Refuses route sets: the code and words for those that it will not have, undefined for the others. */
  readonly refuse?: (service: ServiceId, hash: string) => Pick<RouteRefusal, "code" | "detail"> | undefined;
  /** Never answers `apply`, whatever its signal says: a hung proxy. */
  readonly hangs?: () => boolean;
}

/**
 * A mesh without proxies: it routes made-up requests by the plan's weights, exactly and at once. For benches, which want
 * the agent's own cost alone, and for tests of everything that is not a proxy. It keeps the `Mesh` contract in full.
 */
export class MemoryMesh implements Mesh {
  readonly supports: ReadonlySet<Feature> = new Set<Feature>(["weighted-split", "rendered-fallback", "header-match"]);
  readonly #clock: AgentClock;
  readonly #faults: MemoryFaults;
  #routed: HeldPlan | undefined;
  #avoid: ClusterId | undefined;
  #endpoints: LocalEndpoints = new Map();
  #rows: TrafficRow[] = [];
  #windowStartedMs: number;
  #evidence: readonly DestinationEvidence[] = [];
  #peers: readonly PeerRow[] = [];
  readonly #listeners = new Set<() => void>();
  #applies = 0;

  constructor(clock: AgentClock, faults: MemoryFaults = {}) {
    this.#clock = clock;
    this.#faults = faults;
    this.#windowStartedMs = clock.monotonicMs();
  }

  async apply(
    plan: HeldPlan,
    options: { readonly avoid?: ClusterId; readonly endpoints: LocalEndpoints; readonly signal: AbortSignal },
  ): Promise<Applied> {
    this.#applies += 1;
    if (this.#faults.hangs?.() === true) return await new Promise<Applied>(() => undefined);
    const refusals = this.#refusalsOf(plan);
    const routeSets = refusals.length === 0 ? plan.routeSets : this.#without(plan, refusals);
    this.#routed = { position: plan.position, routeSets };
    this.#avoid = options.avoid;
    this.#endpoints = options.endpoints;
    const hashes: Record<ServiceId, string> = {};
    for (const [service, { hash }] of routeSets) hashes[service] = hash;
    return { hashes, refusals };
  }

  #without(plan: HeldPlan, refusals: readonly RouteRefusal[]): HeldPlan["routeSets"] {
    const routeSets = new Map(plan.routeSets);
    for (const { service } of refusals) {
      const older = this.#routed?.routeSets.get(service);
      if (older === undefined) routeSets.delete(service);
      else routeSets.set(service, older);
    }
    return routeSets;
  }

  #refusalsOf({ routeSets }: HeldPlan): readonly RouteRefusal[] {
    if (this.#faults.refuse === undefined) return [];
    return [...routeSets].flatMap(([service, { hash }]) => {
      const no = this.#faults.refuse?.(service, hash);
      return no === undefined ? [] : [{ service, hash, ...no }];
    });
  }

  takeWindow(): MeshWindow {
    const nowMs = this.#clock.monotonicMs();
    const windowMs = Math.max(0, nowMs - this.#windowStartedMs);
    const window = { windowMs, traffic: this.#rows, utilisations: [] };
    this.#rows = [];
    this.#windowStartedMs = nowMs;
    return window;
  }

  peers(): readonly PeerRow[] {
    return this.#peers;
  }

  evidence(): readonly DestinationEvidence[] {
    return this.#evidence;
  }

  onTrouble(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  workloads(): readonly WorkloadRow[] {
    const services = [...this.#endpoints].toSorted(([a], [b]) => compareNames(a, b));
    return services.flatMap(([service, versions]) =>
      [...versions].map(([version, endpoints]) => {
        const capacityRps = endpoints.reduce((sum, endpoint) => sum + (endpoint.capacityRps ?? Number.NaN), 0);
        const row = { service, version: version as WorkloadRow["version"] };
        const counts = { readyEndpoints: endpoints.length, totalEndpoints: endpoints.length };
        return { ...row, ...counts, ...(Number.isNaN(capacityRps) ? {} : { capacityRps }) };
      }),
    );
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  /** What it routes by, if anything was ever applied. */
  routed(): HeldPlan | undefined {
    return this.#routed;
  }

  /** How often `apply` was called. */
  applies(): number {
    return this.#applies;
  }

  /** How the last rule of a service divides requests now; empty when it is not routed. */
  splitOf(service: ServiceId): Split {
    const rule = this.#routed?.routeSets.get(service)?.routeSet.rules.at(-1);
    return rule === undefined ? [] : effectiveSplit(rule, this.#avoid);
  }

  /** Sends requests of one service by its split, `failureRatio` (0 to 1) of them in vain. */
  send(service: ServiceId, requests: number, failureRatio = 0): void {
    for (const { destination, weight } of this.splitOf(service)) {
      const share = Math.round((requests * weight) / 10_000);
      const failures = Math.round(share * failureRatio);
      this.#rows.push({ service, destination: keyOf(destination), requests: share, failures });
    }
  }

  /** Sets what the data plane says of destinations, and calls for attention. */
  setEvidence(evidence: readonly DestinationEvidence[]): void {
    this.#evidence = evidence;
    for (const listener of this.#listeners) listener();
  }

  /** Sets how the data plane sees other clusters' gateways. */
  setPeers(peers: readonly PeerRow[]): void {
    this.#peers = peers;
  }
}
