import type { ClusterId } from "../../model/ids.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterLoss } from "./computed.ts";
import { eligibilityOf } from "./exclusions.ts";
import { isNamed } from "../survival/survival.ts";
import { shortage } from "../survival/shortage.ts";
import type { Party } from "../survival/shortage.ts";
import { loadsOf } from "./subject.ts";
import type { Division, Site, Subject } from "./subject.ts";

/**
 * What is left without each cluster that serves something: whether the others have room for everybody within their limits.
 * The lost cluster's callers still ask. Users of a version that is lost whole are served by the stable one. Room is all that
 * this is about: no latency, no price.
 */
export function lossesOf(subject: Subject, division: Division, limitsRps: readonly number[]): readonly ClusterLoss[] {
  const clusters = [...new Set(subject.destinations.map(({ cluster }) => cluster))].toSorted(compareNames);
  return clusters
    .filter((lost) => servesSomebody(subject, lost))
    .map((lost) => ({
      cluster: lost,
      ...shortages(subject, { lost, division, limitsRps }),
      isRequired: isNamed(lost, subject.service.policy),
    }));
}

function servesSomebody({ sources, destinations, exclusions }: Subject, lost: ClusterId): boolean {
  return sources.some((_, from) =>
    destinations.some(({ cluster }, to) => cluster === lost && exclusions[from]?.[to] === undefined),
  );
}

interface Loss {
  readonly lost: ClusterId;
  readonly division: Division;
  readonly limitsRps: readonly number[];
}

function shortages(
  subject: Subject,
  { lost, division, limitsRps }: Loss,
): Pick<ClusterLoss, "shortRps" | "shortAtOnceRps"> {
  const { destinations } = subject;
  const isOpen = openingsWithout(subject, lost);
  const loads = loadsOf(subject, division);
  const isLost = ({ cluster }: Site): boolean => cluster === lost;
  // Callers with the same choice are one.
  const all = new Map<readonly number[], number>();
  const moved = new Map<readonly number[], number>();
  const add = (crowds: Map<readonly number[], number>, places: readonly number[], rps: number) =>
    crowds.set(places, (crowds.get(places) ?? 0) + rps);
  for (const [from, row] of division.entries())
    for (const [to, rps] of row.entries()) {
      const site = destinations[to];
      if (rps <= 0 || site === undefined) continue;
      const places = isOpen(from, site);
      add(all, places, rps);
      if (isLost(site)) add(moved, places, rps);
    }
  const room = destinations.map((site, at) => (isLost(site) ? 0 : (limitsRps[at] ?? Infinity)));
  const left = room.map((limit, at) => Math.max(0, limit - (loads[at] ?? 0)));
  return {
    shortRps: shortage(partiesOf(all), room).shortRps,
    shortAtOnceRps: shortage(partiesOf(moved), left).shortRps,
  };
}

/** In a document nothing but room bounds what a destination takes of a caller. */
function partiesOf(crowds: ReadonlyMap<readonly number[], number>): readonly Party[] {
  return [...crowds].map(([places, rps]) => ({ rps, places, ceilingsRps: places.map(() => rps) }));
}

/** Who may serve a source's requests of one destination's version, once a cluster is lost. */
function openingsWithout(subject: Subject, lost: ClusterId): (from: number, site: Site) => readonly number[] {
  const { document, service, destinations, sources } = subject;
  const { exclusionOf } = eligibilityOf(document, service, lost);
  const declared = new Map(service.destinations.map((found) => [`${found.cluster}/${found.version}`, found]));
  const serving = (from: number, version: string): readonly number[] =>
    destinations.flatMap((site, at) => {
      const source = sources[from];
      const destination = declared.get(`${site.cluster}/${site.version}`);
      if (source === undefined || destination === undefined || site.version !== version) return [];
      return exclusionOf(source.cluster, destination) === undefined ? [at] : [];
    });
  // Only a policy that asks where callers are, or a cluster that serves its own alone, treats them differently.
  const isOneForAll =
    service.policy.isolation === "none" &&
    service.policy.failover === undefined &&
    document.clusters.every(({ state }) => state !== "cordoned");
  const known = new Map<string, readonly number[]>();
  return (from, { version }) => {
    const key = isOneForAll ? version : `${from}/${version}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const own = serving(from, version);
    const places = own.length > 0 ? own : serving(from, service.stableVersion);
    known.set(key, places);
    return places;
  };
}
