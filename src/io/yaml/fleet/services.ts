import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  Release,
  ServicePolicy,
} from "../../../model/fleet-document.ts";
import type { ClusterId, ServiceId, Version } from "../../../model/ids.ts";
import { badServiceName } from "../../../model/names.ts";
import { labelOf, tierOfCluster } from "../../../planner/compute/exclusions.ts";
import { orderOf } from "../../../planner/failover.ts";
import { labelRuleAgainst } from "../../../planner/label-rules.ts";
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
  refuseUnservable(fields, { destinations, stableVersion, release, policy, clusters, demandRps });
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
  readonly demandRps: DocumentService["demandRps"];
}

/** A version that gets requests but may run nowhere where it is, or nowhere on a caller's failover order. */
function refuseUnservable(fields: Fields, servable: Servable): void {
  const { stableVersion, release } = servable;
  for (const version of [stableVersion, ...(Object.keys(release?.shares ?? {}) as Version[])]) {
    const running = servable.destinations.filter((destination) => destination.version === version);
    const allowed = running.filter((destination) => isAllowed(destination, servable));
    if (running.length === 0) continue;
    const places = running.map(({ cluster }) => cluster).join(", ");
    if (allowed.length === 0)
      fields.refuse("NO_SERVING_TARGET", "policy", `leaves no destination for ${version}, which runs in ${places}`);
    else if (version === stableVersion) refuseStranded(fields, allowed, servable);
  }
}

function isAllowed({ cluster }: DocumentDestination, { policy, clusters }: Servable): boolean {
  if (policy.allowedClusters?.includes(cluster) === false || policy.deniedClusters.includes(cluster)) return false;
  const labels = clusters.find(({ name }) => name === cluster)?.labels ?? {};
  return labelRuleAgainst(labelOf(labels), policy) === undefined;
}

/** Callers whose failover order names nobody who may serve them. */
function refuseStranded(
  fields: Fields,
  allowed: readonly DocumentDestination[],
  { policy, clusters, demandRps, stableVersion }: Servable,
): void {
  const { failover } = policy;
  if (failover === undefined) return;
  const serving = clusters.filter(({ name }) => allowed.some(({ cluster }) => cluster === name));
  const sources = Object.entries(demandRps) as [ClusterId, number][];
  const stranded = sources.filter(
    ([source, rps]) =>
      rps > 0 &&
      orderOf(failover, source) !== undefined &&
      serving.every((cluster) => tierOfCluster(cluster, policy, source) === undefined),
  );
  if (stranded.length === 0) return;
  const names = stranded.map(([source]) => source).join(", ");
  const where = allowed.map(({ cluster }) => cluster).join(", ");
  const why = `failover names nobody who serves ${stableVersion} to ${names}; it runs in ${where}`;
  fields.refuse("NO_SERVING_TARGET", "policy", why);
}
