import { destinationOf } from "../../../src/model/destination.ts";
import type { Destination } from "../../../src/model/destination.ts";
import type { EnvoyClusterName } from "./render-names.ts";
import { readEnvoyCluster } from "./render-names.ts";

/** Statistics of an envoyCluster that the agent reads; all others stay in Envoy. */
const OF_CLUSTER = [
  "membership_healthy",
  "upstream_cx_connect_fail",
  "upstream_rq_per_try_timeout",
  "upstream_rq_timeout",
  "upstream_rq_completed",
  "upstream_rq_active",
  "upstream_rq_pending_active",
] as const;

/** Requests that are under way: waiting for a connection, and on one. Of these the change counts, up or down. */
const LEVELS: ReadonlySet<string> = new Set(["upstream_rq_active", "upstream_rq_pending_active"]);

/** By the zone that served: its name is the destination, so that a failover shows. */
const OF_ZONE = ["upstream_rq_completed", "upstream_rq_5xx", "upstream_rq_time"] as const;

export type ClusterStatistic = (typeof OF_CLUSTER)[number];
export type ZoneStatistic = (typeof OF_ZONE)[number];

/** What one statistic is about. */
export type Statistic =
  | { readonly kind: "cluster"; readonly envoyCluster: EnvoyClusterName; readonly what: ClusterStatistic }
  | {
      readonly kind: "zone";
      readonly envoyCluster: EnvoyClusterName;
      readonly destination: Destination;
      readonly what: ZoneStatistic;
    };

/** Seconds since an Envoy started. */
export const UPTIME = "server.uptime";

/** Whether a statistic says how many requests are under way. */
export function isLevel({ kind, what }: Statistic): boolean {
  return kind === "cluster" && LEVELS.has(what);
}

/** Health is seen where it is watched: at local endpoints and at gateways. Requests are counted where they leave. */
const [HEALTH, ...OF_REQUESTS] = OF_CLUSTER;

/** Matches the names that Envoy shall keep at all (RE2). Others cost it memory and everyone a transmission each time. */
export const STATISTICS_WANTED = [
  UPTIME.replace(".", "\\."),
  `cluster\\.(in|peer)/[^.]*\\.${HEALTH}`,
  `cluster\\.out/[^.]*\\.(${OF_REQUESTS.join("|")})`,
  `cluster\\.out/[^.]*\\.zone\\.[^.]*\\.[^.]*\\.(${OF_ZONE.join("|")})`,
].join("|");

/** Reads a statistic's name; undefined for one that the agent does not go by. */
export function readStatistic(name: string): Statistic | undefined {
  const [root, cluster, ...rest] = name.split(".");
  const envoyCluster = root === "cluster" && cluster !== undefined ? readEnvoyCluster(cluster) : undefined;
  if (envoyCluster === undefined) return undefined;
  if (rest.length === 1) return ofCluster(envoyCluster, rest[0] ?? "");
  return rest[0] === "zone" && rest.length === 4 ? ofZone(envoyCluster, rest[2] ?? "", rest[3] ?? "") : undefined;
}

function ofCluster(envoyCluster: EnvoyClusterName, name: string): Statistic | undefined {
  const what = OF_CLUSTER.find((other) => other === name);
  return what === undefined ? undefined : { kind: "cluster", envoyCluster, what };
}

function ofZone(envoyCluster: EnvoyClusterName, zone: string, name: string): Statistic | undefined {
  const what = OF_ZONE.find((other) => other === name);
  const destination = destinationOf(zone);
  if (what === undefined || destination === undefined) return undefined;
  return { kind: "zone", envoyCluster, destination, what };
}

/** The envoyCluster whose statistic this is: `cluster.<its name>.<what>`. */
export function envoyClusterOf(name: string): string {
  return name.split(".")[1] ?? "";
}
