import type { AgentParts } from "../../agents/io/agent.ts";
import { Alarms } from "../../agents/io/alarms.ts";
import { DEFAULT_APPLY_TIMING } from "../../agents/io/applier.ts";
import { SYSTEM_CLOCK } from "../../agents/io/clock.ts";
import { MemoryPlanStore } from "../../agents/io/store.ts";
import { DEFAULT_FALLBACK_POLICY } from "../../agents/core/fallback.ts";
import { DEFAULT_LIMITS } from "../../agents/core/recheck.ts";
import type { Mesh } from "../../agents/core/ports.ts";
import type { ClusterId } from "../../src/model/ids.ts";

/** A log that keeps to itself. */
export const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** The real agent's parts with their defaults: a store in memory, nobody who listens. */
export function agentParts(cluster: string, mesh: Mesh): AgentParts {
  return {
    cluster: cluster as ClusterId,
    mesh,
    store: new MemoryPlanStore(),
    clock: SYSTEM_CLOCK,
    log: SILENT,
    alarms: new Alarms(nothing),
    limits: DEFAULT_LIMITS,
    fallback: DEFAULT_FALLBACK_POLICY,
    apply: DEFAULT_APPLY_TIMING,
    bakeMs: 600_000,
    evidenceMs: 1_000,
    routesChanged: nothing,
    alert: nothing,
  };
}

function nothing(): void {
  // Nobody has to know.
}
