import { encodeRouteSet } from "../../../src/wire/route-set.ts";
import type { Committed, Engine, ForwardedCommand } from "../../../src/engine/ports.ts";
import type { Command } from "../../../src/model/command.ts";
import type { FleetEvent, LogRecord } from "../../../src/model/event.ts";
import { EMPTY_FLEET } from "../../../src/model/fleet.ts";
import type { FleetState } from "../../../src/model/fleet.ts";
import type { Actor, ClusterId, RouteSetHash, ServiceId } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";
import type { Refusal } from "../../../src/model/refusal.ts";
import type { ClusterReport } from "../../../src/model/report.ts";
import { ok, refuse } from "../../../src/model/result.ts";
import type { Result } from "../../../src/model/result.ts";
import { DEFAULT_REQUEST_POLICY } from "../../../src/model/service.ts";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { decide } from "../../../src/planner/decide.ts";
import { evolve } from "../../../src/planner/evolve.ts";
import { subjectOf } from "../../../src/planner/subject.ts";

/** An engine on one machine and in one process: the planner's own decisions, folded at once. */
export interface SmallEngine extends Engine {
  /** Folds events as a record of its own. */
  fold(...events: readonly FleetEvent[]): void;
  /** Releases one route set of one service to a cluster; another `port`, another hash. */
  release(cluster: string, service: string, port: number): void;
  /** What reads and pushes see as the reason why nothing is published. */
  halt(refusal: Refusal | undefined): void;
  /** Makes every write fail as if nobody led. */
  loseLeader(): void;
  readonly reportsHere: Map<ClusterId, ClusterReport>;
  readonly streams: Set<ClusterId>;
}

const ACTOR = "test" as Actor;

/** Makes an engine in its first term. */
export function smallEngine(): SmallEngine {
  let state: FleetState = EMPTY_FLEET;
  let halted: Refusal | undefined;
  let hasLeader = true;
  const listeners = new Set<(state: FleetState, record: LogRecord) => void>();
  const reportsHere = new Map<ClusterId, ClusterReport>();
  const streams = new Set<ClusterId>();
  const incarnation = { generation: 1, id: "life-1" };

  function append(events: readonly FleetEvent[], command: unknown, actor: Actor): void {
    const sequence = state.sequence + 1;
    const record = {
      sequence,
      incarnation,
      epoch: 1,
      writer: "p1",
      nonce: String(sequence),
      atMs: Date.now(),
      actor,
      command,
      events,
    };
    state = evolve(state, record);
    for (const listener of listeners) listener(state, record);
  }

  function commit({ command, actor, requestId, requestDigest }: ForwardedCommand): Result<Committed, Refusal> {
    const decided = decide(state, { command, actor, requestId, requestDigest, atMs: Date.now() }, DEFAULT_SETTINGS);
    if (!decided.ok) return decided;
    const answered = requestId === "" ? undefined : state.answered.find((found) => found.requestId === requestId);
    if (answered !== undefined) return ok({ sequence: answered.sequence, subject: answered.subject });
    const subject = subjectOf(state, command);
    if (decided.value.length > 0) append(decided.value, command, actor);
    return ok({ sequence: state.sequence, subject });
  }

  append([{ kind: "term-started", epoch: 1, holder: "p1", incarnation }], undefined, ACTOR);
  return {
    replica: "p1",
    reportsHere,
    streams,
    state: () => state,
    leader: () => ({ replica: "p1", epoch: 1, isSelf: true, isAlive: true, operatorAddress: "" }),
    halted: () => halted,
    submit: async (command) => {
      // A turn of the loop, as a real log takes one.
      await new Promise((resolve) => setImmediate(resolve));
      return hasLeader ? commit(command) : refuse({ code: "NO_LEADER", field: "", message: "nobody leads" });
    },
    preview: () => ok(state),
    observed: () => ({ atMs: Date.now(), collectingForMs: 0, clusters: {} }),
    reports: () => reportsHere,
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    acceptReport: () => undefined,
    noteStream: (cluster, stream) => void (stream === "open" ? streams.add(cluster) : streams.delete(cluster)),
    witness: async () => undefined,
    fold: (...events) => append(events, undefined, ACTOR),
    release(cluster, service, port) {
      const routeSet = routeSetOf(cluster as ClusterId, service as ServiceId, port);
      const { hash } = encodeRouteSet(routeSet);
      const released = { service: service as ServiceId, cluster: cluster as ClusterId, hash, waveIndex: 0 };
      append(
        [
          { kind: "route-sets-stored", routeSets: { [hash]: routeSet } as Record<RouteSetHash, RouteSet> },
          { kind: "route-set-released", ...released },
        ],
        undefined,
        ACTOR,
      );
    },
    halt(refusal) {
      halted = refusal;
    },
    loseLeader() {
      hasLeader = false;
    },
  };
}

/** Decides and folds a command; throws when it is refused. */
export async function must(engine: Engine, command: Command): Promise<Committed> {
  const envelope = { command, actor: ACTOR, requestId: "", requestDigest: "" };
  const committed = await engine.submit(envelope, AbortSignal.timeout(1_000));
  if (!committed.ok) throw new Error(`${committed.refusal.code}: ${committed.refusal.message}`);
  return committed.value;
}

function routeSetOf(cluster: ClusterId, service: ServiceId, port: number): RouteSet {
  const destination = { cluster, version: "v1" as RouteSet["serves"][number] };
  return {
    service,
    cluster,
    protocol: "http",
    port,
    rules: [{ match: { headers: {} }, routes: [{ destination, weight: 10_000, fallback: [] }] }],
    reaches: [{ destination, rttMs: 0 }],
    serves: [destination.version],
    request: DEFAULT_REQUEST_POLICY,
  };
}
