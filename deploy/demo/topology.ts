/** One sample workload: a version of a service in a cluster. */
export interface DemoWorkload {
  readonly service: "shop/checkout" | "shop/greeter";
  readonly version: string;
  readonly port: number;
  /** Requests it works on at once; more wait in its queue. */
  readonly workers: number;
  /** Mean time that a request takes a worker. */
  readonly serviceTimeMs: number;
  /** How these times vary; constant if absent. */
  readonly work?: "constant" | "exponential";
  /** Whether its answers say how busy its workers are. */
  readonly reportsUtilisation?: boolean;
}

/** One cluster of the demo: a loopback address of its own, so that every cluster can use the same ports. */
export interface DemoCluster {
  readonly name: "eu-west" | "us-east" | "ap-south";
  readonly address: string;
  readonly workloads: readonly DemoWorkload[];
}

/** Where everything of one demo listens. */
export interface Topology {
  /** Second octet of every address, so that two demos side by side do not meet. */
  readonly block: number;
  readonly clusters: readonly DemoCluster[];
  /** Address of NATS and the planner replicas. */
  readonly controlAddress: string;
}

/** Ports, the same on every address. */
export const PORTS = {
  checkout: 8080,
  greeter: 8081,
  /** Where other clusters knock: the static listener that adds the declared round trip, then passes to `gateway`. */
  wan: 15443,
  gateway: 15444,
  ads: 15010,
  envoyAdmin: 15000,
  nats: 4222,
  /** Planner replica n adds n to each. */
  plannerJoin: 7400,
  plannerAgent: 7410,
  plannerOperator: 7420,
  plannerHttp: 7430,
} as const;

/** Declared round trips in ms, each pair once. The demo adds them as real delay. */
const ROUND_TRIPS_MS: readonly (readonly [DemoCluster["name"], DemoCluster["name"], number])[] = [
  ["eu-west", "us-east", 40],
  ["ap-south", "eu-west", 60],
  ["ap-south", "us-east", 90],
];

/** Declared round trip between two clusters, in ms. */
export function roundTripMs(a: string, b: string): number {
  const found = ROUND_TRIPS_MS.find(([x, y]) => (x === a && y === b) || (x === b && y === a));
  if (found === undefined) throw new Error(`no round trip declared between ${a} and ${b}`);
  return found[2];
}

const CHECKOUT_V1: DemoWorkload = {
  service: "shop/checkout",
  version: "v1",
  port: 9001,
  workers: 8,
  serviceTimeMs: 10,
};
const CHECKOUT_V2: DemoWorkload = { ...CHECKOUT_V1, version: "v2", port: 9002 };
const GREETER_V1: DemoWorkload = { ...CHECKOUT_V1, service: "shop/greeter", port: 9011, serviceTimeMs: 5 };

/** Lays a demo out over the loopback block 127.`block`.0.0/16. */
export function topologyAt(block: number): Topology {
  const at = (n: number): string => `127.${block}.${n}.1`;
  return {
    block,
    controlAddress: at(0),
    clusters: [
      { name: "eu-west", address: at(1), workloads: [CHECKOUT_V1, CHECKOUT_V2, GREETER_V1] },
      { name: "us-east", address: at(2), workloads: [CHECKOUT_V1, GREETER_V1] },
      { name: "ap-south", address: at(3), workloads: [CHECKOUT_V1, GREETER_V1] },
    ],
  };
}

/** Requests per second that a workload can serve. */
export function capacityRps(workload: DemoWorkload): number {
  return (workload.workers * 1_000) / workload.serviceTimeMs;
}
