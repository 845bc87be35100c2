import type { ClusterId } from "../../model/ids.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterLoss } from "./computed.ts";
import { eligibilityOf } from "./exclusions.ts";
import { placeable } from "./max-flow.ts";
import type { Crowd } from "./max-flow.ts";
import { loadsOf } from "./subject.ts";
import type { Division, Site, Subject } from "./subject.ts";

/** Less than this is rounding, as a share of the demand. */
const NOTHING = 1e-9;

/**
 * What is left without each cluster that serves something: whether the others have room for everybody within their limits.
 * The lost cluster's callers still ask. Users of a version that is lost whole are served by the stable one. Room is all that
 * this is about: no latency, no price.
 */
export function lossesOf(subject: Subject, division: Division, limitsRps: readonly number[]): readonly ClusterLoss[] {
  const { surviveLossOf } = subject.service.policy;
  const clusters = [...new Set(subject.destinations.map(({ cluster }) => cluster))].toSorted(compareNames);
  return clusters
    .filter((lost) => servesSomebody(subject, lost))
    .map((lost) => ({
      cluster: lost,
      ...shortages(subject, { lost, division, limitsRps }),
      isRequired: surviveLossOf === "any" || (surviveLossOf !== "none" && surviveLossOf.includes(lost)),
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
  const all: Crowd[] = [];
  const moved: Crowd[] = [];
  for (const [from, row] of division.entries())
    for (const [to, rps] of row.entries()) {
      const site = destinations[to];
      if (rps <= 0 || site === undefined) continue;
      const places = isOpen(from, site);
      all.push({ rps, places });
      if (isLost(site)) moved.push({ rps, places });
    }
  const room = destinations.map((site, at) => (isLost(site) ? 0 : (limitsRps[at] ?? Infinity)));
  const left = room.map((limit, at) => Math.max(0, limit - (loads[at] ?? 0)));
  const short = (crowds: readonly Crowd[], rooms: readonly number[]): number => {
    const demandRps = crowds.reduce((sum, { rps }) => sum + rps, 0);
    const missing = demandRps - placeable(crowds, rooms);
    return missing > NOTHING * demandRps ? missing : 0;
  };
  return { shortRps: short(all, room), shortAtOnceRps: short(moved, left) };
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
    service.policy.isolation === "none" && document.clusters.every(({ state }) => state !== "cordoned");
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
