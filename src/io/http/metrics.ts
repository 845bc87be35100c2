import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

/** Everything the planner counts. Label values come from code and from names that were checked, never from strangers. */
export interface Metrics {
  readonly registry: Registry;
  /** Connections that ended before their first request, by listener and refusal code. */
  readonly connectionsRefused: Counter<"listener" | "code">;
  readonly connections: Gauge<"listener">;
  /** Finished calls by method and status: `OK`, a refusal's code, or `FAULT`. */
  readonly calls: Counter<"method" | "code">;
  readonly callSeconds: Histogram<"method">;
  /** 1 while this replica leads. */
  readonly leading: Gauge;
  /** 1 under the code of the reason for which this replica publishes nothing; no series while it does. */
  readonly halted: Gauge<"code">;
  /** Sequence of the last record that this replica has folded. */
  readonly sequence: Gauge;
  readonly agentStreams: Gauge;
  readonly plansPushed: Counter;
  readonly plansRefused: Counter<"code">;
  /** From the commit that released something to the agent's acknowledgement. */
  readonly pushSeconds: Histogram;
  readonly goodbyes: Counter<"code">;
  readonly reportsDropped: Counter<"code">;
}

/** Seconds: from a loopback call to the longest unary deadline. */
const BUCKETS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Makes the planner's metrics in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    connectionsRefused: new Counter({
      name: "weir_connections_refused_total",
      help: "Connections refused before their first request, by reason.",
      labelNames: ["listener", "code"],
      registers,
    }),
    connections: new Gauge({
      name: "weir_connections",
      help: "Open connections.",
      labelNames: ["listener"],
      registers,
    }),
    calls: new Counter({
      name: "weir_calls_total",
      help: "Finished calls by method and outcome.",
      labelNames: ["method", "code"],
      registers,
    }),
    callSeconds: new Histogram({
      name: "weir_call_seconds",
      help: "Time to answer unary calls.",
      labelNames: ["method"],
      buckets: BUCKETS,
      registers,
    }),
    ...engineMetrics(registry),
    ...pushMetrics(registry),
  };
}

function engineMetrics(registry: Registry) {
  const registers = [registry];
  return {
    leading: new Gauge({ name: "weir_leading", help: "1 while this replica leads.", registers }),
    halted: new Gauge({
      name: "weir_halted",
      help: "1 while this replica publishes nothing, by reason.",
      labelNames: ["code"],
      registers,
    }),
    sequence: new Gauge({ name: "weir_log_sequence", help: "Last record of the log that was folded.", registers }),
  };
}

function pushMetrics(registry: Registry) {
  const registers = [registry];
  return {
    agentStreams: new Gauge({ name: "weir_agent_streams", help: "Open plan streams.", registers }),
    plansPushed: new Counter({ name: "weir_plans_pushed_total", help: "Plan deltas written to streams.", registers }),
    plansRefused: new Counter({
      name: "weir_plans_refused_total",
      help: "Route sets or plans that agents refused, by reason.",
      labelNames: ["code"],
      registers,
    }),
    pushSeconds: new Histogram({
      name: "weir_push_seconds",
      help: "From sending a delta to its acknowledgement.",
      buckets: BUCKETS,
      registers,
    }),
    reportsDropped: new Counter({
      name: "weir_reports_dropped_total",
      help: "Agents' reports that were not taken, by reason.",
      labelNames: ["code"],
      registers,
    }),
    goodbyes: new Counter({
      name: "weir_goodbyes_total",
      help: "Plan streams ended by the planner, by reason.",
      labelNames: ["code"],
      registers,
    }),
  };
}
