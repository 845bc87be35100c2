import { toHello } from "../../src/wire/link.ts";
import type { Config } from "../config/settings.ts";
import { heldHashes } from "../core/holding.ts";
import type { AgentClock, AgentStatus, Mesh } from "../core/ports.ts";
import { DEFAULT_HEALTH_TIMING, Health } from "../health/health.ts";
import { Agent } from "./agent.ts";
import type { FrozenAt } from "./agent.ts";
import { Alarms } from "./alarms.ts";
import { DEFAULT_APPLY_TIMING } from "./applier.ts";
import { EndpointsFile } from "./endpoints-file.ts";
import type { Enrolment } from "./enrolment.ts";
import type { AgentLog } from "./log.ts";
import { DEFAULT_LINK_TIMING, PlannerLink } from "./planner-link.ts";
import type { LinkTiming } from "./planner-link.ts";
import { Renewal } from "./renewal.ts";
import { BusReporter } from "./reporter.ts";
import type { PlanStore } from "./store.ts";

/** What one running agent is made of. */
export interface RuntimeParts {
  readonly config: Pick<
    Config,
    "gateway" | "endpointsFile" | "heartbeatMs" | "bakeMs" | "applyTimeoutMs" | "fallback" | "limits" | "report"
  >;
  readonly enrolment: Pick<Enrolment, "cluster" | "identity" | "planners" | "renew">;
  readonly uid: string;
  /** New at every start. */
  readonly bootId: string;
  readonly version: string;
  readonly mesh: Mesh;
  readonly store: PlanStore;
  readonly clock: AgentClock;
  readonly log: AgentLog;
  readonly link?: LinkTiming;
}

/** How often the evidence is looked at when the mesh does not call. */
const EVIDENCE_MS = 500;
const BUS_BACK_OFF_MS_MAX = 10_000;

/** One agent, wired: link down, reports up, and the loop in between. Several can run in one process. */
export class Runtime {
  readonly agent: Agent;
  readonly alarms: Alarms;
  readonly #parts: RuntimeParts;
  readonly #health: Health;
  readonly #reporter: BusReporter;
  readonly #link: PlannerLink;
  readonly #renewal: Renewal;
  readonly #endpoints: EndpointsFile | undefined;
  #isLinked = false;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    const { enrolment, log } = parts;
    this.alarms = new Alarms(() => this.#health.alert());
    this.#reporter = new BusReporter({
      cluster: enrolment.cluster(),
      log,
      caPem: () => enrolment.identity().caPem,
      backOffMsMax: BUS_BACK_OFF_MS_MAX,
    });
    this.agent = this.#makeAgent();
    this.#health = this.#makeHealth();
    this.#link = this.#makeLink();
    this.#renewal = this.#makeRenewal();
    this.#endpoints = this.#makeEndpoints();
  }

  /** Takes up the stored plan, then links and reports. Throws only what the store's folder throws. */
  async start(frozen?: FrozenAt): Promise<void> {
    await this.#endpoints?.start();
    await this.agent.start(frozen);
    this.#health.start();
    this.#health.alert();
    this.#link.start();
    this.#renewal.start();
  }

  /** Whether a plan stream is open. */
  isLinked(): boolean {
    return this.#isLinked;
  }

  /** Stops; what the mesh routes by stays. */
  async close(): Promise<void> {
    this.#endpoints?.close();
    this.#renewal.close();
    this.agent.close();
    this.#health.stop();
    await Promise.all([this.#link.close(), this.#reporter.close()]);
  }

  /** Two voices of one cluster would contradict each other. What the mesh routes by stays. */
  #standBy(): void {
    this.#health.stop();
    this.#renewal.close();
    void this.#reporter.close();
  }

  #status(): AgentStatus {
    return { ...this.agent.status(), isLinked: this.#isLinked };
  }

  #makeAgent(): Agent {
    const { enrolment, mesh, store, clock, log, config } = this.#parts;
    return new Agent({
      cluster: enrolment.cluster(),
      mesh,
      store,
      clock,
      log,
      alarms: this.alarms,
      limits: config.limits,
      fallback: config.fallback,
      apply: { ...DEFAULT_APPLY_TIMING, timeoutMs: config.applyTimeoutMs },
      bakeMs: config.bakeMs,
      evidenceMs: EVIDENCE_MS,
      routesChanged: (services) => this.#health.routesChanged(services),
      alert: () => this.#health.alert(),
    });
  }

  #makeHealth(): Health {
    const { enrolment, uid, bootId, mesh, clock, config } = this.#parts;
    return new Health({
      reporter: { cluster: enrolment.cluster(), uid, bootId },
      mesh: {
        takeWindow: () => mesh.takeWindow(),
        peers: () => mesh.peers(),
        workloads: () => this.agent.workloads(),
      },
      status: () => this.#status(),
      publish: (kind, bytes) => this.#reporter.publish(kind, bytes),
      clock,
      policy: config.report,
      timing: { ...DEFAULT_HEALTH_TIMING, tickMs: config.heartbeatMs },
    });
  }

  #makeLink(): PlannerLink {
    const { enrolment, log, link } = this.#parts;
    return new PlannerLink({
      planners: () => enrolment.planners(),
      identity: () => enrolment.identity(),
      hello: () => this.#hello(),
      receive: async (delta) => await this.agent.receive(delta),
      credentials: ({ credentials, urls }) => this.#reporter.use({ credentials, urls }),
      linked: (state) => {
        this.#isLinked = state === "up";
        this.#health.alert();
      },
      superseded: () => this.#standBy(),
      log,
      timing: link ?? DEFAULT_LINK_TIMING,
      fraction: () => Math.random(),
    });
  }

  #makeRenewal(): Renewal {
    const { enrolment, clock, log } = this.#parts;
    return new Renewal({
      planners: () => enrolment.planners(),
      identity: () => enrolment.identity(),
      renewed: async (identity) => {
        await enrolment.renew(identity);
        this.#link.reconnect();
      },
      clock,
      alarms: this.alarms,
      log,
      fraction: () => Math.random(),
    });
  }

  #makeEndpoints(): EndpointsFile | undefined {
    const { endpointsFile } = this.#parts.config;
    if (endpointsFile === undefined) return undefined;
    return new EndpointsFile(endpointsFile, {
      changed: (endpoints) => {
        this.alarms.clear("ENDPOINTS_INVALID");
        this.agent.setEndpoints(endpoints);
      },
      invalid: (problem) => this.alarms.raise("ENDPOINTS_INVALID", `${problem}; the endpoints read last stay`),
    });
  }

  #hello(): ReturnType<typeof toHello> {
    const { enrolment, uid, bootId, version, mesh, config } = this.#parts;
    const held = this.agent.held();
    return toHello({
      cluster: enrolment.cluster(),
      uid,
      bootId,
      agentVersion: version,
      hashes: held === undefined ? new Map() : heldHashes(held),
      features: [...mesh.supports],
      ...(mesh.maxDestinations === undefined ? {} : { maxDestinations: mesh.maxDestinations }),
      ...(held === undefined ? {} : { held: held.position }),
      ...(config.gateway === undefined ? {} : { gateway: config.gateway }),
    });
  }
}
