/** Which of the two configurations an Envoy runs. */
export type Side = "weir" | "static";

export const SIDES: readonly Side[] = ["weir", "static"];

/** The three clusters. Callers of the lost one die with it, so that load enters through the two others. */
export const CLUSTERS = ["ap", "eu", "us"] as const;
export type ClusterName = (typeof CLUSTERS)[number];

/** The cluster that is lost. */
export const LOST: ClusterName = "eu";

/** Clusters whose callers are counted. */
export const SOURCES: readonly ClusterName[] = ["ap", "us"];

export const PORTS = { outbound: 8080, gateway: 15444, backend: 9001, ads: 15010, admin: 15000 } as const;

/** Half of each source's requests go to the cluster that is lost, the rest stay. Basis points. */
export const SHARE_OF_LOST = 5_000;

/** How the lost half divides: as much to the third cluster as it can be asked to take. Basis points. */
export const FALLBACK_LOCAL = 7_000;

/** Loopback network of a cluster: all of it is dropped when the cluster goes silent. */
export function networkOf(cluster: ClusterName): string {
  return `127.91.${CLUSTERS.indexOf(cluster) + 1}`;
}

/** Address of one side's Envoy in a cluster. */
export function envoyAddress(cluster: ClusterName, side: Side): string {
  return `${networkOf(cluster)}.${side === "weir" ? 1 : 2}`;
}

/** Address of a cluster's one backend, which both sides' Envoys use. */
export function backendAddress(cluster: ClusterName): string {
  return `${networkOf(cluster)}.3`;
}
