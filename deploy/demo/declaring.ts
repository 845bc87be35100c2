import { Protocol, RetryScope } from "../../proto/gen/weir/v1/plan_pb.ts";
import { METHODS } from "./operator.ts";
import type { Play } from "./play.ts";
import { DEMO_PACE } from "./shifting.ts";
import { curveOf, PORTS, type DemoWorkload } from "./topology.ts";

type ServiceName = DemoWorkload["service"];

/** How each service is spoken to. */
const SPOKEN = {
  "shop/checkout": { protocol: Protocol.HTTP, port: PORTS.checkout },
  // Its owner vouches that greeting twice does no harm; no gRPC method says so by itself.
  "shop/greeter": { protocol: Protocol.GRPC, port: PORTS.greeter, request: { retryScope: RetryScope.ALL } },
  // Searches take their time, and longer where many wait: trying again too soon would only make them more.
  "shop/search": { protocol: Protocol.HTTP, port: PORTS.search, request: { perTryTimeoutMs: 4_000 } },
} as const;

/** What an owner may say besides where a service runs. */
export interface Wishes {
  /** Bytes that one request and its answer carry between clusters. */
  readonly bytesPerRequest?: number;
}

/** Declares a service with every workload that runs of it, and what its owner wishes besides. */
export async function declareService(play: Play, name: ServiceName, wishes: Wishes = {}): Promise<void> {
  const deployments = play.topology.clusters.flatMap((cluster) =>
    cluster.workloads
      .filter(({ service }) => service === name)
      .map((workload) => ({
        destination: { cluster: cluster.name, version: workload.version },
        curve: curveOf(workload),
      })),
  );
  await play.operator.call(METHODS.applyService, {
    requestId: `demo-apply-${name}-${Date.now()}`,
    spec: { name, ...SPOKEN[name], stableVersion: "v1", deployments, pace: DEMO_PACE, ...wishes },
  });
  const places = deployments.map(({ destination: { cluster, version } }) => `${cluster}/${version}`);
  play.say(`${name} declared: ${places.join(", ")}`);
}
