import { Membership, Verdict, type Cluster } from "../../proto/gen/weir/v1/fleet_pb.ts";
import { enumName } from "./enum-name.ts";
import { METHODS } from "./operator.ts";
import type { Play } from "./play.ts";
import { waitFor } from "./waiting.ts";

/** One cluster as the planner sees it now. */
export async function clusterNow(play: Play, name: string): Promise<Cluster | undefined> {
  const { clusters } = await play.operator.call(METHODS.listClusters, {});
  return clusters.find(({ spec }) => spec?.name === name);
}

/** Waits until a cluster is as `holds` wants it, and returns it. */
export async function waitForCluster(
  play: Play,
  name: string,
  wanted: { readonly what: string; readonly holds: (cluster: Cluster) => boolean; readonly timeoutMs: number },
): Promise<Cluster> {
  let last = "nothing";
  return await waitFor(
    `${name} to be ${wanted.what}`,
    async () => {
      const cluster = await clusterNow(play, name);
      if (cluster === undefined) return undefined;
      last = `${enumName(Membership, cluster.membership)}, ${enumName(Verdict, cluster.verdict)}`;
      return wanted.holds(cluster) ? cluster : undefined;
    },
    { timeoutMs: wanted.timeoutMs, describe: () => last },
  );
}
