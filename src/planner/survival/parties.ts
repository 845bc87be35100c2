import { WEIGHT_TOTAL } from "../../model/destination.ts";
import type { ServicePolicy } from "../../model/fleet-document.ts";
import type { ClusterId, Version } from "../../model/ids.ts";
import { boundBy } from "../bounds.ts";
import type { Offer } from "../eligible.ts";
import { policyOf } from "../policy.ts";
import { takesAny } from "./askers.ts";
import type { Asker, Scene } from "./askers.ts";
import type { Party } from "./shortage.ts";

/** What of each version takes anything, of all that an asker sees. */
export type Openings = ReadonlyMap<Version, readonly Offer[]>;

const CLOSED: readonly Offer[] = [];

/**
 * Who has to find a place once a cluster is lost (undefined: none is), and where each may look. Users of a version that
 * takes nobody any more, or not all of them, are served by the stable one; those of the stable version by no other.
 */
export function partiesWithout(lost: ClusterId | undefined, scene: Scene): readonly Party[] {
  return scene.askers
    .filter(({ demandRps }) => demandRps > 0)
    .flatMap((asker) => partiesOf(asker, openingsOf(asker, lost, scene), scene));
}

function openingsOf({ home, offers }: Asker, lost: ClusterId | undefined, { service }: Scene): Openings {
  return openingsWithout(lost, { home, offers, policy: policyOf(service.spec) });
}

/** Who looks for a place, and by what policy. */
export interface Seeker {
  /** The cluster that its requests come from. */
  readonly home: ClusterId;
  readonly offers: readonly Offer[];
  readonly policy: ServicePolicy;
}

/** Where requests may go once a cluster is lost (undefined: none is), bound by policy anew, by version. */
export function openingsWithout(lost: ClusterId | undefined, { home, offers, policy }: Seeker): Openings {
  const survivors = offers.filter(({ loss, destination }) => loss === undefined && destination.cluster !== lost);
  const isAnew = lost !== undefined && (policy.maxShare < 1 || (policy.isolation === "nearest" && home === lost));
  // Isolation `nearest` opens the way out to who loses its home; where fewer share the requests, each may have to take more.
  const bound = isAnew ? boundBy(survivors, { source: home, policy }) : survivors;
  return Map.groupBy(bound.filter(takesAny), ({ destination }) => destination.version);
}

function partiesOf(
  { demandRps, rpsByVersion }: Asker,
  openings: Openings,
  { service, places: { indices } }: Scene,
): readonly Party[] {
  const stable = service.spec.stableVersion;
  const parties: Party[] = [];
  let stableRps = rpsByVersion.get(stable) ?? 0;
  const partyOf = (version: Version, wantedRps: number): Party => {
    const offers = openings.get(version) ?? CLOSED;
    const ceilingsRps = offers.map(({ ceilingWeight }) =>
      ceilingOf((ceilingWeight / WEIGHT_TOTAL) * demandRps, wantedRps),
    );
    return { rps: wantedRps, places: offers.map(({ key }) => indices.get(key) ?? 0), ceilingsRps };
  };
  for (const [version, wantedRps] of rpsByVersion) {
    if (version === stable) continue;
    const party = partyOf(version, wantedRps);
    const rps = Math.min(wantedRps, sumOf(party.ceilingsRps));
    stableRps += wantedRps - rps;
    if (rps > 0) parties.push({ ...party, rps });
  }
  return stableRps > 0 ? [...parties, partyOf(stable, stableRps)] : parties;
}

/** A ceiling that falls short of what is wanted by rounding alone does not bind. */
function ceilingOf(mostRps: number, wantedRps: number): number {
  return mostRps >= wantedRps * (1 - 1e-9) ? Math.max(mostRps, wantedRps) : mostRps;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((total, next) => total + next, 0);
}
