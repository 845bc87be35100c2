import type { Sample } from "./counters.ts";
import { envoyClusterOf, isLevel } from "./statistics.ts";
import type { Tally } from "./tally.ts";

/** Adds the requests of one report, written at `atMs`, to the tally, by who served them, and those that nobody could. */
export function countRequests(samples: readonly Sample[], tally: Tally, atMs: number): void {
  const served = new Map<string, number>();
  const times = new Map(samples.map((sample) => [sample.name, sample]));
  for (const { name, statistic, value } of samples) {
    if (statistic.envoyCluster.kind !== "out" || statistic.kind !== "zone") continue;
    const { service } = statistic.envoyCluster;
    if (statistic.what === "upstream_rq_5xx") tally.add({ ...statistic, service, requests: 0, failures: value });
    if (statistic.what !== "upstream_rq_completed") continue;
    const whole = envoyClusterOf(name);
    served.set(whole, (served.get(whole) ?? 0) + value);
    tally.add({ ...statistic, service, requests: value, failures: 0, ...latency(times, name) });
  }
  countUnserved(samples, { served, tally });
  countUnderWay(samples, tally);
  tally.counted(atMs);
}

function latency(times: ReadonlyMap<string, Sample>, name: string) {
  const { mean, quantiles } = times.get(name.replace("upstream_rq_completed", "upstream_rq_time")) ?? {};
  const [p50, p99] = [quantiles?.get(0.5), quantiles?.get(0.99)];
  return {
    ...(mean === undefined ? {} : { latencyMeanMs: mean }),
    ...(p50 === undefined ? {} : { latencyP50Ms: p50 }),
    ...(p99 === undefined ? {} : { latencyP99Ms: p99 }),
  };
}

/**
 * What began and has not ended counts as well, and what ended of what began before does not again: a destination that is overloaded
 * answers less than it is asked for, and all that is asked for is demand.
 */
function countUnderWay(samples: readonly Sample[], tally: Tally): void {
  for (const { statistic, value } of samples)
    if (isLevel(statistic) && statistic.envoyCluster.kind === "out") tally.more(statistic.envoyCluster, value);
}

interface Counted {
  readonly served: ReadonlyMap<string, number>;
  readonly tally: Tally;
}

/** Answers that came from no zone are Envoy's own: no endpoint could be had. They count against the intended destination. */
function countUnserved(samples: readonly Sample[], { served, tally }: Counted): void {
  for (const { name, statistic, value } of samples) {
    if (statistic.envoyCluster.kind !== "out" || statistic.kind !== "cluster") continue;
    if (statistic.what !== "upstream_rq_completed") continue;
    const unserved = value - (served.get(envoyClusterOf(name)) ?? 0);
    if (unserved > 0) tally.add({ ...statistic.envoyCluster, requests: unserved, failures: unserved });
  }
}
