import type { Release, VersionMatch } from "../model/fleet-document.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId, Version } from "../model/ids.ts";
import { declaredCapacity } from "../model/service.ts";
import type { Deployment, ServiceSpec } from "../model/service.ts";
import type { Settings } from "../model/settings.ts";
import { canMatch } from "./capability.ts";
import { firstObjection, PASSED, reject } from "./decision.ts";
import type { Check } from "./decision.ts";
import { rps } from "./drains.ts";
import { ruleAgainst } from "./policy.ts";
import { deployedCapacity } from "./readiness.ts";

const FIELD = "spec.release";

/** Sums of decimal fractions are not exact. */
const NOISE = 1e-9;

/**
 * Refuses FIELD_INVALID, UNKNOWN_DESTINATION and WEIGHTS_SUM what is no release, and POLICY_FORBIDS a version that may serve
 * nobody where it runs. Health does not count here: what is down may come back.
 */
export function checkRelease(state: FleetState, spec: ServiceSpec): Check {
  const { release } = spec;
  if (release === undefined) return PASSED;
  const versions = (Object.keys(release.shares) as Version[]).toSorted(compareNames);
  return firstObjection(
    () => checkMost(release),
    ...(release.matches ?? []).map((match, index) => () => checkMatch(spec, match, `${FIELD}.matches[${index}]`)),
    ...versions.map((version) => () => checkVersion(state, spec, { version, release })),
    () => {
      const sum = versions.reduce((total, version) => total + (release.shares[version] ?? 0), 0);
      if (sum <= 1 + NOISE) return PASSED;
      return reject("WEIGHTS_SUM", `${FIELD}.share_weights`, `shares sum to ${percent(sum)}; at most 100 % is allowed`);
    },
  );
}

/**
 * Refuses OVER_CAPACITY a share that rises to more requests than its version's destinations take where the policy lets them
 * serve, and says how much it could be. A destination whose capacity nobody knows is taken at its owner's word.
 */
export function checkReleaseLoad(
  spec: ServiceSpec,
  before: ServiceState | undefined,
  { state, settings }: { readonly state: FleetState; readonly settings: Settings },
): Check {
  const { release } = spec;
  if (release === undefined) return PASSED;
  const capacityOf = (found: Deployment): number =>
    declaredCapacity(found) ?? (before && deployedCapacity({ ...before, spec }, found)) ?? Infinity;
  const demands: Readonly<Record<ClusterId, number>> = { ...before?.demandRps, ...spec.demandRps };
  const free = (Object.keys(demands) as ClusterId[]).filter((source) => before?.pins[source] === undefined);
  const demandRps = free.toSorted(compareNames).reduce((sum, source) => sum + (demands[source] ?? 0), 0);
  return firstObjection(
    ...(Object.keys(release.shares) as Version[]).toSorted(compareNames).map((version) => () => {
      const share = release.shares[version] ?? 0;
      const roomRps = spec.deployments
        .filter((found) => found.version === version && servesSomebody(state, spec, [found.cluster]))
        .reduce((sum, found) => sum + capacityOf(found) * settings.utilisationMax, 0);
      const isRaised = share > (before?.spec.release?.shares[version] ?? 0);
      if (!isRaised || share * demandRps <= roomRps) return PASSED;
      const most = percent(Math.floor((roomRps / demandRps) * WEIGHT_TOTAL) / WEIGHT_TOTAL);
      const message = `${version} would get ${rps(share * demandRps)}, but takes at most ${rps(roomRps)} (${Math.round(settings.utilisationMax * 100)} % of its capacity); give it at most ${most}, or deploy more of it`;
      return reject("OVER_CAPACITY", `${FIELD}.share_weights[${version.slice(0, 80)}]`, message);
    }),
  );
}

function checkMatch({ deployments }: ServiceSpec, { version, headers }: VersionMatch, field: string): Check {
  if (Object.keys(headers).length === 0)
    return reject("EMPTY_SELECTOR", `${field}.match.headers`, "names no header; it would match every request");
  if (deployments.some((found) => found.version === version)) return PASSED;
  const message = `version ${version.slice(0, 80)} is deployed nowhere; deploy it, or leave it out`;
  return reject("UNKNOWN_DESTINATION", `${field}.version`, message);
}

/** Refuses UNSUPPORTED_BY_MESH matches while callers are where no mesh could tell their requests apart, naming those. */
export function checkMatching(state: FleetState, spec: ServiceSpec, before: ServiceState | undefined): Check {
  if ((spec.release?.matches ?? []).length === 0) return PASSED;
  const demands: Readonly<Record<ClusterId, number>> = { ...before?.demandRps, ...spec.demandRps };
  const blind = (Object.keys(demands) as ClusterId[])
    .filter((source) => {
      const cluster = state.clusters.get(source);
      return (demands[source] ?? 0) > 0 && cluster?.membership === "active" && !canMatch(cluster);
    })
    .toSorted(compareNames);
  if (blind.length === 0) return PASSED;
  const message = `the mesh of ${blind.join(", ")} cannot send requests by their headers, and ${blind.length === 1 ? "has" : "have"} callers; release by shares instead`;
  return reject("UNSUPPORTED_BY_MESH", `${FIELD}.matches`, message);
}

function checkMost({ maxSourceShare }: Release): Check {
  if (maxSourceShare > 0 && maxSourceShare <= 1) return PASSED;
  const message = `${maxSourceShare} is no share; it must be above 0, up to 1`;
  return reject("FIELD_INVALID", `${FIELD}.max_source_weight`, message);
}

interface Share {
  readonly version: Version;
  readonly release: Release;
}

function checkVersion(state: FleetState, spec: ServiceSpec, { version, release }: Share): Check {
  const field = `${FIELD}.share_weights[${version.slice(0, 80)}]`;
  const share = release.shares[version] ?? 0;
  if (!(share >= 0 && share <= 1)) return reject("FIELD_INVALID", field, `${share} is no share; it must be 0 to 1`);
  if (version === spec.stableVersion)
    return reject("FIELD_INVALID", field, "is the stable version, which gets what the others leave; leave it out");
  const running = spec.deployments.filter((found) => found.version === version).map(({ cluster }) => cluster);
  if (running.length === 0)
    return reject("UNKNOWN_DESTINATION", field, `version ${version} is deployed nowhere; deploy it, or leave it out`);
  if (share > release.maxSourceShare + NOISE) {
    const message = `is ${percent(release.maxSourceShare)}, but ${version} shall get ${percent(share)} of all requests; give it at least as much`;
    return reject("FIELD_INVALID", `${FIELD}.max_source_weight`, message);
  }
  if (share === 0 || servesSomebody(state, spec, running)) return PASSED;
  const message = `the policy lets ${version} serve nobody where it runs (${running.join(", ")}); deploy it where it is allowed`;
  return reject("POLICY_FORBIDS", field, message);
}

function servesSomebody(state: FleetState, spec: ServiceSpec, running: readonly ClusterId[]): boolean {
  const sources = [...state.clusters.keys()];
  return running.some((destination) =>
    sources.some((source) => ruleAgainst({ source, destination }, spec, state) === undefined),
  );
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))} %`;
}
