import type { QueueCurve } from "../../src/model/service.ts";

/** One sample workload: a version of a service in a cluster. */
export interface DemoWorkload {
  readonly service: "shop/checkout" | "shop/greeter" | "shop/search";
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
  search: 8082,
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

interface Way {
  readonly rttMs: number;
  readonly egressDollarsPerGb: number;
}

/** Declared round trips, which the demo adds as real delay, and prices of a gigabyte. Each pair once. */
const WAYS: readonly (readonly [DemoCluster["name"], DemoCluster["name"], Way])[] = [
  // Near, but two providers' nets meet there.
  ["eu-west", "us-east", { rttMs: 40, egressDollarsPerGb: 0.09 }],
  ["ap-south", "eu-west", { rttMs: 60, egressDollarsPerGb: 0.09 }],
  ["ap-south", "us-east", { rttMs: 90, egressDollarsPerGb: 0.01 }],
];

/** Declared round trip between two clusters, in ms. */
export function roundTripMs(a: string, b: string): number {
  return wayBetween(a, b).rttMs;
}

/** Declared price of a gigabyte between two clusters, in dollars. It weighs nothing until a service says how large its answers are. */
export function egressDollarsPerGb(a: string, b: string): number {
  return wayBetween(a, b).egressDollarsPerGb;
}

function wayBetween(a: string, b: string): Way {
  const found = WAYS.find(([x, y]) => (x === a && y === b) || (x === b && y === a));
  if (found === undefined) throw new Error(`no way declared between ${a} and ${b}`);
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

/** Requests that take their time, each another: where many come, they wait. 100 a second at most. */
const SEARCH_V1: DemoWorkload = {
  service: "shop/search",
  version: "v1",
  port: 9021,
  workers: 8,
  serviceTimeMs: 80,
  work: "exponential",
};

/** Lays a demo out over the loopback block 127.`block`.0.0/16. */
export function topologyAt(block: number): Topology {
  const at = (n: number): string => `127.${block}.${n}.1`;
  return {
    block,
    controlAddress: at(0),
    clusters: [
      { name: "eu-west", address: at(1), workloads: [CHECKOUT_V1, CHECKOUT_V2, GREETER_V1, SEARCH_V1] },
      { name: "us-east", address: at(2), workloads: [CHECKOUT_V1, GREETER_V1, SEARCH_V1] },
      { name: "ap-south", address: at(3), workloads: [CHECKOUT_V1, GREETER_V1, SEARCH_V1] },
    ],
  };
}

/** Requests per second that a workload can serve. */
export function capacityRps(workload: DemoWorkload): number {
  return (workload.workers * 1_000) / workload.serviceTimeMs;
}

/** A workload as the queue that it is, for its declaration. */
export function curveOf({ workers, serviceTimeMs, work = "constant" }: DemoWorkload): QueueCurve {
  return {
    kind: "queue",
    servers: workers,
    meanWorkMs: serviceTimeMs,
    squaredVariation: work === "constant" ? 0 : 1,
  };
}
