import { WEIGHT_TOTAL } from "../../model/destination.ts";
import type { ClusterId, Version } from "../../model/ids.ts";
import { boundBy } from "../bounds.ts";
import type { Offer } from "../eligible.ts";
import { policyOf } from "../policy.ts";
import { takesAny } from "./askers.ts";
import type { Asker, Scene } from "./askers.ts";

/** Requests of one version that may go to the same destinations, each up to a ceiling of its own. */
export interface Party {
  readonly rps: number;
  readonly offers: readonly Offer[];
  /** Most requests per second that each of the offers takes of them, in their order. */
  readonly ceilingsRps: readonly number[];
}

/** What of each version takes anything, of all that an asker sees. */
type Openings = ReadonlyMap<Version, readonly Offer[]>;

const CLOSED: readonly Offer[] = [];

/**
 * Who has to find a place once a cluster is lost (undefined: none is), and where each may look. Users of a version that
 * takes nobody any more, or not all of them, are served by the stable one; those of the stable version by no other.
 */
export function partiesWithout(lost: ClusterId | undefined, scene: Scene): readonly Party[] {
  return scene.askers
    .filter(({ demandRps }) => demandRps > 0)
    .flatMap((asker) => partiesOf(asker, openingsOf(asker, lost, scene), scene.service.spec.stableVersion));
}

function openingsOf(asker: Asker, lost: ClusterId | undefined, scene: Scene): Openings {
  const survivors = asker.offers.filter(({ loss, destination }) => loss === undefined && destination.cluster !== lost);
  const bound = isBoundAnew(asker, lost, scene)
    ? boundBy(survivors, { source: asker.home, policy: policyOf(scene.service.spec) })
    : survivors;
  return Map.groupBy(bound.filter(takesAny), ({ destination }) => destination.version);
}

/** Isolation `nearest` opens the way out to who loses its home; where fewer share the requests, each may have to take more. */
function isBoundAnew({ home }: Asker, lost: ClusterId | undefined, { service }: Scene): boolean {
  const { isolation, maxShare } = policyOf(service.spec);
  return lost !== undefined && (maxShare < 1 || (isolation === "nearest" && home === lost));
}

function partiesOf({ demandRps, rpsByVersion }: Asker, openings: Openings, stable: Version): readonly Party[] {
  const parties: Party[] = [];
  let stableRps = rpsByVersion.get(stable) ?? 0;
  const partyOf = (version: Version, wantedRps: number): Party => {
    const offers = openings.get(version) ?? CLOSED;
    const ceilingsRps = offers.map(({ ceilingWeight }) =>
      ceilingOf((ceilingWeight / WEIGHT_TOTAL) * demandRps, wantedRps),
    );
    return { rps: wantedRps, offers, ceilingsRps };
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
