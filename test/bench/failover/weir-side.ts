import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { envoyBootstrap } from "../../../agents/mesh/envoy/bootstrap.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { Calls } from "../calls.ts";
import type { Crew, Member } from "../crew.ts";
import { awaitPort } from "../ports.ts";
import { CLUSTERS, envoyAddress, PORTS } from "./fleet.ts";
import type { ClusterName } from "./fleet.ts";

/** Weir's Envoys and agents. */
export interface WeirSide {
  /** Ends all agents, as SIGKILL does; the Envoys go on with what they were told. */
  stopControl(): Promise<void>;
  /** What runs in one cluster. */
  membersOf(cluster: ClusterName): readonly Member[];
}

/** Starts an agent and an Envoy in each cluster, and brings the plan to all of them. */
export async function startWeirSide(parts: {
  readonly crew: Crew;
  readonly folder: string;
  readonly envoy: string;
}): Promise<WeirSide> {
  const sites = await Promise.all(CLUSTERS.map(async (cluster) => await startSite(cluster, parts)));
  const refused = await Promise.all(sites.map(async ({ agent }) => await agent.call<readonly unknown[]>("plan")));
  if (refused.flat().length > 0) throw new Error(`an agent refuses the plan: ${JSON.stringify(refused)}`);
  return {
    stopControl: async () => {
      await Promise.all(sites.map(async ({ agent }) => await agent.kill("SIGKILL")));
    },
    membersOf: (cluster) =>
      sites.filter((site) => site.cluster === cluster).flatMap(({ agent, envoy }) => [agent, envoy]),
  };
}

interface Site {
  readonly cluster: ClusterName;
  readonly agent: Member & Calls;
  readonly envoy: Member;
}

async function startSite(
  cluster: ClusterName,
  { crew, folder, envoy }: Parameters<typeof startWeirSide>[0],
): Promise<Site> {
  const entry = join(import.meta.dirname, "agent.ts");
  const agent = crew.startNode({ name: `agent-${cluster}`, entry, args: [cluster] });
  const address = envoyAddress(cluster, "weir");
  await awaitPort(address, PORTS.ads);
  const file = join(folder, `weir-${cluster}.json`);
  const bootstrap = envoyBootstrap({
    cluster: cluster as string as ClusterId,
    ads: { address, port: PORTS.ads },
    admin: { address, port: PORTS.admin },
  });
  writeFileSync(file, bootstrap);
  const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
  return { cluster, agent, envoy: crew.start({ name: `weir-${cluster}`, command: envoy, args }) };
}
