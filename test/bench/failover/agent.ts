import { createEnvoyMesh } from "../../../agents/mesh/envoy/mesh.ts";
import { Agent } from "../../../agents/io/agent.ts";
import type { LocalEndpoints } from "../../../agents/core/ports.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { agentParts } from "../agent-parts.ts";
import { answerCalls } from "../calls.ts";
import { wholePlan } from "../plan-delta.ts";
import { routeSetOf } from "../route-sets.ts";
import {
  backendAddress,
  CLUSTERS,
  envoyAddress,
  FALLBACK_LOCAL,
  LOST,
  PORTS,
  SHARE_OF_LOST,
  SOURCES,
} from "./fleet.ts";
import type { ClusterName } from "./fleet.ts";

const SERVICE = "shop/checkout" as ServiceId;

/**
 * The agent of one cluster: `agent.ts <cluster>`. It takes the plan as it comes from a planner, without one: what is
 * measured begins after that.
 */
async function main(): Promise<void> {
  const cluster = process.argv[2] as ClusterName;
  const mesh = await createEnvoyMesh({
    clusterName: cluster as string as ClusterId,
    address: envoyAddress(cluster, "weir"),
    gateway: { address: envoyAddress(cluster, "weir"), port: PORTS.gateway },
    ads: { address: envoyAddress(cluster, "weir"), port: PORTS.ads },
  });
  const agent = new Agent(agentParts(cluster, mesh));
  agent.setEndpoints(endpointsOf(cluster));
  await agent.start();
  answerCalls({
    /** Takes the plan; resolves with what was refused, once Envoy has acknowledged it. */
    async plan() {
      const reply = await agent.receive(wholePlan([routeSetFor(cluster)]));
      return reply.kind === "acknowledgement" ? reply.refusals : [reply];
    },
  });
}

function endpointsOf(cluster: ClusterName): LocalEndpoints {
  return new Map([[SERVICE, new Map([["v1", [{ address: backendAddress(cluster), port: PORTS.backend }]]])]]);
}

/** The same weights and fallbacks that the static configuration has. */
function routeSetFor(cluster: ClusterName) {
  const others = CLUSTERS.filter((name) => name !== cluster);
  const gateways = Object.fromEntries(
    others.map((name) => [name, { address: envoyAddress(name, "weir"), port: PORTS.gateway }]),
  );
  const words = { service: SERVICE, cluster, port: PORTS.outbound, gateways };
  if (!SOURCES.includes(cluster)) return routeSetOf({ ...words, weights: { [cluster]: 10_000 }, fallbacks: {} });
  const third = others.find((name) => name !== LOST) ?? cluster;
  return routeSetOf({
    ...words,
    weights: { [LOST]: SHARE_OF_LOST, [cluster]: 10_000 - SHARE_OF_LOST },
    fallbacks: {
      [LOST]: { [cluster]: FALLBACK_LOCAL, [third]: 10_000 - FALLBACK_LOCAL },
      [cluster]: { [third]: 10_000 },
    },
  });
}

await main();
