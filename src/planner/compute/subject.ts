import type { DocumentDestination, DocumentService, FleetDocument, ServicePolicy } from "../../model/fleet-document.ts";
import type { ClusterId, Version } from "../../model/ids.ts";
import { compareNames } from "../../model/ids.ts";
import { compareDestinations } from "../../model/destination.ts";
import { fullLoadOf } from "../../model/service.ts";
import { costCurveOf } from "../optimise/curve.ts";
import type { CostCurve } from "../optimise/curve.ts";
import { eligibilityOf } from "./exclusions.ts";
import type { Exclusion } from "./exclusions.ts";
import { turnsOf } from "./turns.ts";
import type { Turn } from "./turns.ts";
import { wayBetween } from "./network.ts";
import type { Way } from "./network.ts";

/** One service by index: sources that have requests, and destinations of versions that get some. Both sorted by name. */
export interface Subject {
  readonly document: FleetDocument;
  readonly service: DocumentService;
  readonly sources: readonly Source[];
  readonly destinations: readonly Site[];
  /** The stable version first, then those of the release that get a share. */
  readonly versions: readonly Version[];
  /** Ways and exclusions: source → destination. */
  readonly ways: readonly (readonly Way[])[];
  readonly exclusions: readonly (readonly (Exclusion | undefined)[])[];
  /** Places in failover orders: source → destination; undefined where there is no order. */
  readonly turns: readonly (readonly (Turn | undefined)[])[];
}

/** What dividing goes by: all that matters of a subject, whatever it was made from. */
export interface Divisible extends Pick<Subject, "versions" | "exclusions" | "turns"> {
  readonly sources: readonly Pick<Source, "demandRps">[];
  readonly destinations: readonly Pick<Site, "version" | "curve" | "cost">[];
  readonly ways: readonly (readonly Omit<Way, "dollars">[])[];
  readonly service: Pick<DocumentService, "release"> & {
    readonly policy: Pick<ServicePolicy, "maxShare" | "failover">;
  };
  /** Most of each source at each destination, rps; undefined: what the policy says alone. */
  readonly ceilingsRps?: readonly (readonly number[])[];
  /** What each destination has already of others, rps; undefined: nothing. */
  readonly fixedRps?: readonly number[];
}

/** A cluster whose callers ask for the service. */
export interface Source {
  readonly cluster: ClusterId;
  readonly demandRps: number;
  /** Most destinations that its mesh takes in one route. */
  readonly destinationsMax: number;
}

/** A destination with what it can do. */
export interface Site extends DocumentDestination {
  readonly cost: CostCurve;
  readonly capacityRps: number;
  /** Capacity with headroom. */
  readonly limitRps: number;
}

/** Requests per second: source → destination. */
export type Division = readonly (readonly number[])[];

/** Lays out one service of a document. */
export function subjectOf(document: FleetDocument, service: DocumentService): Subject {
  const versions = [service.stableVersion, ...releasedVersions(service)];
  const destinations = service.destinations
    .filter(({ version }) => versions.includes(version))
    .toSorted(compareDestinations)
    .map((destination) => siteOf(destination, document.settings.utilisationMax));
  const sources = sourcesOf(document, service);
  const { exclusionOf } = eligibilityOf(document, service);
  const found = new Map(
    service.destinations.map((destination) => [`${destination.cluster}/${destination.version}`, destination]),
  );
  const exclusions = sources.map(({ cluster }) =>
    destinations.map((site) => {
      const destination = found.get(`${site.cluster}/${site.version}`);
      return destination && exclusionOf(cluster, destination);
    }),
  );
  return {
    document,
    service,
    sources,
    destinations,
    versions,
    ways: sources.map(({ cluster }) =>
      destinations.map((site) => wayBetween(document, service, [cluster, site.cluster])),
    ),
    exclusions,
    turns: turnsOf(document, service, { sources, destinations, exclusions }),
  };
}

function releasedVersions({ release }: DocumentService): readonly Version[] {
  const shares = Object.entries(release?.shares ?? {}) as [Version, number][];
  return shares
    .filter(([, share]) => share > 0)
    .map(([version]) => version)
    .toSorted(compareNames);
}

function siteOf(destination: DocumentDestination, utilisationMax: number): Site {
  const { curve } = destination;
  const capacityRps = curve.kind === "queue" ? fullLoadOf(curve) : (curve.capacityRps ?? Infinity);
  return { ...destination, cost: costCurveOf(curve), capacityRps, limitRps: utilisationMax * capacityRps };
}

function sourcesOf({ clusters }: FleetDocument, { demandRps }: DocumentService): readonly Source[] {
  return clusters
    .map(({ name, maxDestinations }) => ({
      cluster: name,
      demandRps: demandRps[name] ?? 0,
      destinationsMax: maxDestinations ?? Infinity,
    }))
    .filter((source) => source.demandRps > 0)
    .toSorted((a, b) => compareNames(a.cluster, b.cluster));
}

/** All of the service's requests per second. */
export function demandOf({ sources }: Pick<Divisible, "sources">): number {
  return sources.reduce((sum, { demandRps }) => sum + demandRps, 0);
}

/** Load of each destination under a division, rps. */
export function loadsOf({ destinations }: Subject, division: Division): readonly number[] {
  const loads = destinations.map(() => 0);
  for (const row of division)
    for (const [at, amount] of row.entries()) if (amount > 0) loads[at] = (loads[at] ?? 0) + amount;
  return loads;
}
