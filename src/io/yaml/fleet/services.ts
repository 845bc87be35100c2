import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  Release,
  ServicePolicy,
} from "../../../model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../../model/ids.ts";
import { badServiceName } from "../../../model/names.ts";
import type { Fields } from "../fields.ts";
import { nearest } from "../suggest.ts";
import { destinationsOf } from "./destinations.ts";
import { SOME_NAME, clusterKeys, refuseRepeated } from "./names.ts";
import { objectiveOf } from "./objective.ts";
import type { WrittenObjective } from "./objective.ts";
import { policyOf } from "./policy.ts";
import { releaseOf } from "./release.ts";

/** A service whose objective may still wait for the prices. */
export type ReadService = Omit<DocumentService, "objective"> & { readonly objective: WrittenObjective };

/** The services of a document. */
export function servicesOf(fields: Fields, clusters: readonly DocumentCluster[]): readonly ReadService[] {
  fields.require("services");
  const read = fields.list("services").map((item) => ({ fields: item, service: serviceOf(item, clusters) }));
  refuseRepeated(
    read.map(({ fields: item, service }) => ({ name: service.name, fields: item })),
    "name",
  );
  return read.map(({ service }) => service);
}

function serviceOf(fields: Fields, clusters: readonly DocumentCluster[]): ReadService {
  const names = clusters.map(({ name }) => name);
  const name = serviceName(fields);
  const written = fields.optionalText("stableVersion");
  const demandRps = demandOf(fields.optionalFields("demandRps"), names);
  const bytesPerRequest = fields.optionalAmount("bytesPerRequest") ?? 0;
  const objective = objectiveOf(fields);
  const destinations = destinationsOf(fields, names);
  const versions = [...new Set(destinations.map(({ version }) => version))];
  const stableVersion = stableOf(fields, written, versions);
  const policy = policyOf(fields.optionalFields("policy"), names);
  const releaseFields = fields.optionalFields("release");
  const release = releaseFields === undefined ? undefined : releaseOf(releaseFields, { stableVersion, versions });
  refuseUnservable(fields, { destinations, stableVersion, release, policy, clusters });
  fields.done();
  return {
    name,
    stableVersion,
    destinations,
    demandRps,
    bytesPerRequest,
    objective,
    policy,
    ...(release === undefined ? {} : { release }),
  };
}

function serviceName(fields: Fields): ServiceId {
  const name = fields.parsed("name", SOME_NAME);
  const reason = name === undefined ? undefined : badServiceName(name);
  if (reason !== undefined) fields.refuse("BAD_NAME", "name", `${JSON.stringify(name)}: ${reason}`);
  return (name ?? "") as ServiceId;
}

function demandOf(fields: Fields | undefined, names: readonly ClusterId[]): DocumentService["demandRps"] {
  if (fields === undefined) return {};
  const entries = clusterKeys(fields, names).map((key) => [key, fields.optionalAmount(key) ?? 0] as const);
  return Object.fromEntries(entries) as DocumentService["demandRps"];
}

/** The stable version: the one that is named, or the only one that there is. */
function stableOf(fields: Fields, written: string | undefined, versions: readonly Version[]): Version {
  const [only] = versions;
  if (written === undefined && versions.length === 1 && only !== undefined) return only;
  if (written === undefined) {
    const why = versions.length === 0 ? "is required" : `is required: which of ${versions.join(", ")} is it?`;
    fields.refuse("FIELD_REQUIRED", "stableVersion", why);
  } else if (!(versions as readonly string[]).includes(written)) {
    const meant = nearest(written, versions);
    const way = meant === undefined ? "add a destination that runs it" : `did you mean ${meant}?`;
    fields.refuse("UNKNOWN_DESTINATION", "stableVersion", `${JSON.stringify(written)} runs nowhere; ${way}`);
  }
  return (written ?? "") as Version;
}

interface Servable {
  readonly destinations: readonly DocumentDestination[];
  readonly stableVersion: Version;
  readonly release: Release | undefined;
  readonly policy: ServicePolicy;
  readonly clusters: readonly DocumentCluster[];
}

/** A version that gets requests but may run nowhere where it is; each service's policy is judged as a whole. */
function refuseUnservable(fields: Fields, { destinations, stableVersion, release, policy, clusters }: Servable): void {
  const labels = new Map(clusters.map((cluster) => [cluster.name, cluster.labels]));
  const isAllowed = ({ cluster }: DocumentDestination): boolean =>
    policy.allowedClusters?.includes(cluster) !== false &&
    !policy.deniedClusters.includes(cluster) &&
    Object.entries(policy.requiredLabels).every(([key, value]) => labels.get(cluster)?.[key] === value);
  for (const version of [stableVersion, ...(Object.keys(release?.shares ?? {}) as Version[])]) {
    const running = destinations.filter((destination) => destination.version === version);
    if (running.length === 0 || running.some(isAllowed)) continue;
    const places = running.map(({ cluster }) => cluster).join(", ");
    fields.refuse("NO_SERVING_TARGET", "policy", `leaves no destination for ${version}, which runs in ${places}`);
  }
}
