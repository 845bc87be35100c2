import type {
  DocumentClusterState,
  FleetDocument,
  LoadCurve,
  ServicePolicy,
} from "../../../src/model/fleet-document.ts";
import type { ClusterId, Version } from "../../../src/model/ids.ts";
import { aFleet, aService } from "../../scenarios/build.ts";
import { instanceOf } from "./instance.ts";
import type { Instance } from "./instance.ts";

/** What a test says of a small fleet of clusters a, b, c, …, `spacingMs` apart on a line. */
export interface SmallFleet {
  readonly demandRps: readonly number[];
  readonly curves: readonly LoadCurve[];
  readonly spacingMs?: number;
  readonly states?: readonly DocumentClusterState[];
  readonly labels?: readonly Readonly<Record<string, string>>[];
  readonly dollarsPerGb?: number;
  readonly bytesPerRequest?: number;
  readonly policy?: Partial<ServicePolicy>;
  /** A released version in these clusters, with its share. */
  readonly release?: {
    readonly at: readonly number[];
    readonly curve: LoadCurve;
    readonly share: number;
    readonly maxSourceShare: number;
  };
}

/** A small fleet of one service. */
export function aSmallFleet(parts: SmallFleet): FleetDocument {
  const names = parts.demandRps.map((_, at) => String.fromCodePoint(97 + at));
  const plain = aService({
    name: "test/front",
    demandRps: Object.fromEntries(names.map((name, at) => [name, parts.demandRps[at] ?? 0])),
    destinations: parts.curves.map((curve, at) => ({ cluster: names[at] ?? "", curve })),
  });
  const fleet = aFleet({
    description: "",
    clusters: names,
    rttMs: names.map((_, i) => names.map((__, j) => Math.abs(i - j) * (parts.spacingMs ?? 10))),
    services: [],
  });
  const version = "v2" as Version;
  const released = parts.release?.at.map((at) => ({
    cluster: names[at] as ClusterId,
    version,
    curve: parts.release?.curve ?? aConstant(1),
  }));
  return {
    ...fleet,
    clusters: fleet.clusters.map((cluster, at) => ({
      ...cluster,
      state: parts.states?.[at] ?? "active",
      labels: parts.labels?.[at] ?? {},
    })),
    egressDollarsPerGb: everyPair(names, parts.dollarsPerGb ?? 0),
    services: [
      {
        ...plain,
        destinations: [...plain.destinations, ...(released ?? [])],
        bytesPerRequest: parts.bytesPerRequest ?? 0,
        policy: { ...plain.policy, ...parts.policy },
        ...(parts.release !== undefined && {
          release: { shares: { [version]: parts.release.share }, maxSourceShare: parts.release.maxSourceShare },
        }),
      },
    ],
  };
}

function everyPair(names: readonly string[], value: number): FleetDocument["egressDollarsPerGb"] {
  return Object.fromEntries(names.map((from) => [from, Object.fromEntries(names.map((to) => [to, value]))]));
}

/** The same as an instance. */
export function anInstance(parts: SmallFleet): Instance {
  const document = aSmallFleet(parts);
  const [service] = document.services;
  if (service === undefined) throw new Error("a small fleet has a service");
  return instanceOf(document, service);
}

/** A pool of this many servers, 10 ms of work each: 100 rps a server. */
export function aPool(servers: number): LoadCurve {
  return { kind: "queue", servers, meanWorkMs: 10, squaredVariation: 1 };
}

/** A latency that does not depend on load. */
export function aConstant(baseMs: number, capacityRps?: number): LoadCurve {
  return { kind: "polynomial", baseMs, coefficient: 0, exponent: 1, ...(capacityRps !== undefined && { capacityRps }) };
}
