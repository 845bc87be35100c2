import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { LocalEndpoint } from "../../core/ports.ts";
import type { Destination } from "../../../src/model/destination.ts";
import { keyOf } from "../../../src/model/destination.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { ClusterLoadAssignment } from "../../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import type {
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from "../../../proto/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import type { RenderedDestination } from "./render-destinations.ts";
import type { ServiceInput, Site } from "./render-input.ts";
import { socketAddress } from "./render-address.ts";
import { zoneOf } from "./render-names.ts";

/** The endpoints of one destination that serve together, with their share among those of the same priority. */
interface Group {
  readonly destination: Destination;
  readonly weight: number;
  readonly endpoints: readonly LocalEndpoint[];
}

/**
 * Where the requests for one destination go: priority 0 is the destination, 1 its fallback with the fallback split as
 * locality weights, 2 whatever else the service has. The proxy goes down this list by itself when endpoints are lost.
 */
export function assignment(name: string, wanted: RenderedDestination, from: From): ClusterLoadAssignment {
  const used = new Set<string>();
  const priorities = [
    [{ destination: wanted.destination, weight: 1 }],
    wanted.fallback.filter(({ destination }) => destination.cluster !== from.input.avoid),
    from.input.routeSet.reaches
      .filter(({ destination }) => destination.cluster !== from.input.avoid)
      .map(({ destination }) => ({ destination, weight: 1 })),
  ].map((entries) => groupsOf(entries, from, used));
  return loadAssignment(
    name,
    // Priorities must be numbered without gaps: gRPC refuses a 1 without a 0.
    priorities.filter((groups) => groups.length > 0),
  );
}

/** What a destination's endpoints are looked up in. */
export interface From {
  readonly site: Site;
  readonly input: ServiceInput;
}

/** Only endpoints of this cluster, for what arrives from others: there is no way on from here. */
export function localAssignment(name: string, destination: Destination, from: From): ClusterLoadAssignment {
  const groups = groupsOf([{ destination, weight: 1 }], from, new Set());
  return loadAssignment(name, groups.length === 0 ? [] : [groups]);
}

/**
 * An address is used once, at the highest priority that names it: gRPC refuses an assignment that repeats one, and Envoy keeps
 * only one of two in the same priority. Versions behind the same gateway so share one entry; their weights are added.
 */
function groupsOf(entries: readonly Omit<Group, "endpoints">[], from: From, used: Set<string>): readonly Group[] {
  const groups: Group[] = [];
  for (const entry of entries) {
    const endpoints = endpointsOf(entry.destination, from);
    const free = endpoints.filter((endpoint) => !used.has(textOf(endpoint)));
    const twin = groups.findIndex((group) => sharesAddress(group.endpoints, endpoints));
    if (free.length > 0) groups.push({ ...entry, endpoints: free });
    else if (twin >= 0) groups[twin] = heavier(groups[twin], entry);
    for (const endpoint of free) used.add(textOf(endpoint));
  }
  return groups;
}

function heavier(group: Group | undefined, { destination, weight }: Omit<Group, "endpoints">): Group {
  const { destination: kept, weight: before, endpoints } = group ?? { destination, weight: 0, endpoints: [] };
  return { destination: kept, weight: before + weight, endpoints };
}

function sharesAddress(a: readonly LocalEndpoint[], b: readonly LocalEndpoint[]): boolean {
  const addresses = new Set(a.map(textOf));
  return b.some((endpoint) => addresses.has(textOf(endpoint)));
}

function endpointsOf(destination: Destination, { site, input }: From): readonly LocalEndpoint[] {
  if (destination.cluster === site.cluster) return sorted(input.local.get(destination.version) ?? []);
  const reach = input.routeSet.reaches.find((other) => keyOf(other.destination) === keyOf(destination));
  return reach?.gateway === undefined ? [] : [reach.gateway];
}

function sorted(endpoints: readonly LocalEndpoint[]): readonly LocalEndpoint[] {
  return endpoints.toSorted((a, b) => compareNames(textOf(a), textOf(b)));
}

function textOf({ address, port }: LocalEndpoint): string {
  return `${address} ${port}`;
}

function loadAssignment(name: string, priorities: readonly (readonly Group[])[]): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    // 100: a destination that lost half of its endpoints keeps half of its requests, no more.
    policy: { overprovisioningFactor: 100 },
    endpoints: priorities.flatMap((groups, priority) => groups.map((group) => locality(group, priority))),
  });
}

function locality(group: Group, priority: number): MessageInitShape<typeof LocalityLbEndpointsSchema> {
  const { destination, weight, endpoints } = group;
  const weigh = endpoints.every(({ capacityRps }) => capacityRps !== undefined && capacityRps >= 1);
  return {
    locality: { region: destination.cluster, zone: zoneOf(destination) },
    priority,
    loadBalancingWeight: weight,
    lbEndpoints: endpoints.map((endpoint) => lbEndpoint(endpoint, weigh ? endpoint.capacityRps : undefined)),
  };
}

function lbEndpoint(
  { address, port }: LocalEndpoint,
  weight: number | undefined,
): MessageInitShape<typeof LbEndpointSchema> {
  return {
    hostIdentifier: { case: "endpoint", value: { address: socketAddress(address, port) } },
    ...(weight === undefined ? {} : { loadBalancingWeight: Math.round(weight) }),
  };
}
