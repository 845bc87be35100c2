import type { DocumentService, FleetDocument } from "../../model/fleet-document.ts";
import type { ClusterId } from "../../model/ids.ts";
import { orderOf, standingsOf } from "../failover.ts";
import type { TierMember, TierStanding } from "../failover.ts";
import { tierOfCluster } from "./exclusions.ts";
import type { Divisible, Site, Subject } from "./subject.ts";

/** What turns are told by. */
type Listed = Pick<Subject, "sources" | "destinations" | "exclusions">;

/** A destination's place in a source's failover order. */
export interface Turn extends TierStanding {
  /** Its tier, from 0, of so many. */
  readonly tier: number;
  readonly tiers: number;
}

/** Places in failover orders, source → destination, as the clusters stand: a document has no past. Undefined: no order, or not on it. */
export function turnsOf(
  document: FleetDocument,
  service: DocumentService,
  { sources, destinations, exclusions }: Listed,
): Subject["turns"] {
  return sources.map(({ cluster }, from) => {
    const tiers = tiersFor(document, service, cluster);
    if (tiers === undefined) return destinations.map(() => undefined);
    const versions = [...new Set(destinations.map(({ version }) => version))];
    const standings = new Map(
      versions.map((version) => {
        const members = destinations.flatMap((site, to) =>
          site.version === version
            ? memberOf(site, { tiers, isOpen: exclusions[from]?.[to] === undefined, document })
            : [],
        );
        const { healthyMin = 0 } = service.policy.failover ?? {};
        return [version, standingsOf(members, { tiers: tiers.count, healthyMin })];
      }),
    );
    return destinations.map((site) => {
      const tier = tiers.of(site.cluster);
      const standing = tier === undefined ? undefined : standings.get(site.version)?.[tier];
      return tier === undefined || standing === undefined ? undefined : { tier, tiers: tiers.count, ...standing };
    });
  });
}

/** When a destination is filled by a source: lower ranks first. Without a failover order all are alike. */
export function rankAt({ turns }: Pick<Divisible, "turns">, from: number, to: number): number {
  return turns[from]?.[to]?.rank ?? 0;
}

interface Tiers {
  readonly count: number;
  readonly of: (cluster: ClusterId) => number | undefined;
}

function tiersFor({ clusters }: FleetDocument, { policy }: DocumentService, source: ClusterId): Tiers | undefined {
  const order = policy.failover && orderOf(policy.failover, source);
  if (order === undefined) return undefined;
  const byName = new Map(clusters.map((cluster) => [cluster.name, tierOfCluster(cluster, policy, source)]));
  return { count: order.length, of: (cluster) => byName.get(cluster) };
}

interface Standing {
  readonly tiers: Tiers;
  readonly isOpen: boolean;
  readonly document: FleetDocument;
}

/** A dead cluster counts as 0, one that drains, or that policy keeps out, not at all. */
function memberOf(site: Site, { tiers, isOpen, document }: Standing): readonly TierMember[] {
  const tier = tiers.of(site.cluster);
  const state = document.clusters.find(({ name }) => name === site.cluster)?.state;
  if (tier === undefined || state === "draining" || (!isOpen && state !== "dead")) return [];
  const readyShare = state === "dead" ? 0 : (site.readyShare ?? 1);
  return [{ tier, readyShare, capacityRps: site.capacityRps, isUsed: false }];
}
