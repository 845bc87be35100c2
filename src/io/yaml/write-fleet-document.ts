import { Document, isCollection, isPair, visit } from "yaml";
import {
  DEFAULT_DOLLARS_PER_REQUEST_MS,
  DEFAULT_SQUARED_VARIATION,
  FLEET_DOCUMENT_KIND,
  FLEET_DOCUMENT_VERSION,
} from "../../model/fleet-document.ts";
import type {
  DocumentCluster,
  DocumentDestination,
  DocumentService,
  FleetDocument,
  LoadCurve,
  Objective,
  ServicePolicy,
} from "../../model/fleet-document.ts";
import { plainFailover } from "./fleet/failover.ts";
import { DEFAULTS } from "./fleet-document.ts";

/** A document as YAML that reads back as the same document. What is as it would be without being said is left out. */
export function writeFleetDocument(document: FleetDocument): string {
  // Every value stands where it belongs: an alias would save bytes and cost the reader a search.
  const yaml = new Document(toPlain(document), { version: "1.2", schema: "core", aliasDuplicateObjects: false });
  visit(yaml, {
    Collection: (_, node) => {
      // One destination, one row of a matrix: one line.
      node.flow = node.items.every((item) => !isCollection(isPair(item) ? item.value : item));
    },
  });
  return yaml.toString({ lineWidth: 0 });
}

/** A document as plain values, in the form of a file: what YAML and JSON both write. */
export function toPlain(document: FleetDocument): Readonly<Record<string, unknown>> {
  const { description, settings, localRttMs, rttMs, egressDollarsPerGb } = document;
  return {
    apiVersion: FLEET_DOCUMENT_VERSION,
    kind: FLEET_DOCUMENT_KIND,
    ...unless("description", description, description === ""),
    ...unless("settings", settings, settings.utilisationMax === DEFAULTS.utilisationMax),
    ...unless("localRttMs", localRttMs, localRttMs === DEFAULTS.localRttMs),
    clusters: document.clusters.map(plainCluster),
    ...unless("rttMs", rttMs, isEmpty(rttMs)),
    ...unless("egressDollarsPerGb", egressDollarsPerGb, isEmpty(egressDollarsPerGb)),
    services: document.services.map(plainService),
  };
}

function unless(key: string, value: unknown, isDefault: boolean): Readonly<Record<string, unknown>> {
  return isDefault ? {} : { [key]: value };
}

function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(record).length === 0;
}

function plainCluster({ name, labels, state, maxDestinations }: DocumentCluster): Readonly<Record<string, unknown>> {
  return {
    name,
    ...unless("labels", labels, isEmpty(labels)),
    ...unless("state", state, state === "active"),
    ...unless("maxDestinations", maxDestinations, maxDestinations === undefined),
  };
}

function plainService(service: DocumentService): Readonly<Record<string, unknown>> {
  const { name, stableVersion, demandRps, bytesPerRequest, objective, policy, release } = service;
  return {
    name,
    stableVersion,
    ...unless("demandRps", demandRps, isEmpty(demandRps)),
    ...unless("bytesPerRequest", bytesPerRequest, bytesPerRequest === 0),
    ...plainObjective(objective),
    destinations: service.destinations.map(plainDestination),
    ...plainPolicy(policy),
    ...unless("release", release, release === undefined),
  };
}

function plainObjective({ dollarsPerRequestMs }: Objective): Readonly<Record<string, unknown>> {
  if (dollarsPerRequestMs === Infinity) return { objective: "latency" };
  return unless("objective", { dollarsPerRequestMs }, dollarsPerRequestMs === DEFAULT_DOLLARS_PER_REQUEST_MS);
}

function plainDestination({
  cluster,
  version,
  curve,
  readyShare,
}: DocumentDestination): Readonly<Record<string, unknown>> {
  return { cluster, version, ...plainCurve(curve), ...unless("readyShare", readyShare, readyShare === undefined) };
}

function plainCurve(curve: LoadCurve): Readonly<Record<string, unknown>> {
  if (curve.kind === "queue") {
    const { servers, meanWorkMs, squaredVariation } = curve;
    const isDefault = squaredVariation === DEFAULT_SQUARED_VARIATION;
    return { servers, meanWorkMs, ...unless("squaredVariation", squaredVariation, isDefault) };
  }
  const { baseMs, coefficient, exponent, capacityRps } = curve;
  return {
    latency: { baseMs, coefficient, exponent },
    ...unless("capacityRps", capacityRps, capacityRps === undefined),
  };
}

function plainPolicy(policy: ServicePolicy): Readonly<Record<string, unknown>> {
  const { isolation, requiredLabels, allowedClusters, deniedClusters, maxShare, surviveLossOf } = policy;
  const { allowedLabels, deniedLabels, failover, localityPenaltyMs } = policy;
  const plain = {
    ...unless("isolation", isolation, isolation === "none"),
    ...unless("requiredLabels", requiredLabels, isEmpty(requiredLabels)),
    ...unless("allowedLabels", allowedLabels, allowedLabels === undefined),
    ...unless("deniedLabels", deniedLabels, deniedLabels === undefined),
    ...unless("allowedClusters", allowedClusters, allowedClusters === undefined),
    ...unless("deniedClusters", deniedClusters, deniedClusters.length === 0),
    ...unless("maxShare", maxShare, maxShare === 1),
    ...unless("surviveLossOf", surviveLossOf, surviveLossOf === "none"),
    ...(failover === undefined ? {} : { failover: plainFailover(failover) }),
    ...unless("localityPenaltyMs", localityPenaltyMs, localityPenaltyMs === undefined),
  };
  return unless("policy", plain, isEmpty(plain));
}
