import type { DestinationKey } from "../../model/destination.ts";
import type { Settings } from "../../model/settings.ts";
import type { ClusterLoss } from "../../model/survival.ts";
import { placeable } from "../compute/max-flow.ts";
import type { Crowd } from "../compute/max-flow.ts";
import type { Party } from "./parties.ts";

/** Less than this is rounding, as a share of the demand. */
const NOTHING = 1e-9;

/** What some requests lack. */
export type Shortage = Pick<ClusterLoss, "shortRps" | "isCapacityUnknown">;

/** Requests per second that find no room, however the parties are divided over the places that they share. */
export function shortage(parties: readonly Party[], settings: Settings): Shortage {
  const demandRps = parties.reduce((sum, { rps }) => sum + rps, 0);
  const places = placesOf(parties, settings);
  const missing = missingOf(parties, places);
  return {
    shortRps: missing > NOTHING * demandRps ? missing : 0,
    isCapacityUnknown: places.roomRps.includes(Infinity),
  };
}

/** Destinations that somebody may go to, by index. */
interface Places {
  readonly indices: ReadonlyMap<DestinationKey, number>;
  readonly roomRps: readonly number[];
}

function placesOf(parties: readonly Party[], { utilisationMax }: Settings): Places {
  const indices = new Map<DestinationKey, number>();
  const roomRps: number[] = [];
  for (const { offers } of parties)
    for (const { key, capacityRps } of offers) {
      if (indices.has(key)) continue;
      indices.set(key, roomRps.length);
      roomRps.push(capacityRps === undefined ? Infinity : capacityRps * utilisationMax);
    }
  return { indices, roomRps };
}

function missingOf(parties: readonly Party[], places: Places): number {
  const room = [...places.roomRps];
  // Who may go to one place alone is served there first: others find as much elsewhere as they would have had there.
  const confined = parties.filter(({ offers }) => offers.length < 2);
  const missing = confined.reduce((sum, party) => sum + party.rps - take(party, places, room), 0);
  const others = parties.filter(({ offers }) => offers.length > 1);
  const filled = fillInTurn(others, places, room);
  if (filled.isBest) return missing + filled.missingRps;
  const crowds = pooled(others).flatMap((party) => crowdsOf(party, places, room));
  return missing + crowds.reduce((sum, { rps }) => sum + rps, 0) - placeable(crowds, room);
}

/** More parties than this with a surplus make too many crowds to be told apart. */
const SURPLUS_PARTIES_MAX = 8;

/**
 * Where a great many parties are each held to ceilings of their own that leave a choice, those with the same places are taken
 * together, with the sum of their ceilings: what is then said to be short is short at least.
 */
function pooled(parties: readonly Party[]): readonly Party[] {
  const choosing = parties.filter(hasSurplus);
  if (choosing.length <= SURPLUS_PARTIES_MAX) return parties;
  const byPlaces = Map.groupBy(choosing, ({ offers }) => offers.map(({ key }) => key).join(" "));
  return [...parties.filter((party) => !hasSurplus(party)), ...[...byPlaces.values()].map(poolOf)];
}

function hasSurplus({ rps, ceilingsRps }: Party): boolean {
  const bound = ceilingsRps.filter((most) => most < rps);
  return bound.reduce((sum, most) => sum + most, 0) > rps;
}

function poolOf(group: readonly Party[]): Party {
  const offers = group[0]?.offers ?? [];
  return {
    rps: group.reduce((sum, { rps }) => sum + rps, 0),
    offers,
    ceilingsRps: offers.map((_, at) =>
      group.reduce((sum, { rps, ceilingsRps }) => sum + Math.min(rps, ceilingsRps[at] ?? 0), 0),
    ),
  };
}

/**
 * Lets one party after the other fill places, those with the fewest first. That is as good as can be for one party alone, where
 * everybody finds room, and where no room is left: mostly, so that it saves the search for the best.
 */
function fillInTurn(parties: readonly Party[], places: Places, before: readonly number[]) {
  const room = [...before];
  const inTurn = parties.toSorted((a, b) => a.offers.length - b.offers.length);
  const missingRps = inTurn.reduce((sum, party) => sum + party.rps - take(party, places, room), 0);
  const demandRps = parties.reduce((sum, { rps }) => sum + rps, 0);
  const isBest = parties.length < 2 || missingRps <= NOTHING * demandRps || room.every((rps) => rps <= 0);
  return { missingRps, isBest };
}

/** Fills places for a party, first those that take a part of it only. Says how many requests per second they take. */
function take({ rps, offers, ceilingsRps }: Party, { indices }: Places, room: number[]): number {
  let left = rps;
  const fill = (isPartial: boolean): void => {
    for (const [at, { key }] of offers.entries()) {
      const mostRps = ceilingsRps[at] ?? 0;
      if (mostRps < rps !== isPartial) continue;
      const place = indices.get(key) ?? 0;
      const taken = Math.min(left, mostRps, room[place] ?? 0);
      left -= taken;
      room[place] = (room[place] ?? 0) - taken;
    }
  };
  fill(true);
  fill(false);
  return rps - left;
}

/**
 * A party as crowds without ceilings. Where those that bind take no more than all of it, the most that each takes is a crowd
 * which may go there as well. Otherwise each place has as many as it may take, and the surplus goes to a place that is made
 * for it (the usual transformation of a transport problem with bounded arcs): what is not placed is the same.
 */
function crowdsOf({ rps, offers, ceilingsRps }: Party, { indices }: Places, room: number[]): readonly Crowd[] {
  const reached = offers.map(({ key }, at) => ({
    place: indices.get(key) ?? 0,
    mostRps: Math.min(rps, ceilingsRps[at] ?? 0),
  }));
  const free = reached.filter(({ mostRps }) => mostRps >= rps).map(({ place }) => place);
  const bound = reached.filter(({ mostRps }) => mostRps < rps);
  const boundRps = bound.reduce((sum, { mostRps }) => sum + mostRps, 0);
  if (boundRps <= rps) {
    const own = bound.map(({ place, mostRps }) => ({ rps: mostRps, places: [...free, place] }));
    return [...own, { rps: rps - boundRps, places: free }];
  }
  const surplus = room.push(boundRps + free.length * rps - rps) - 1;
  return reached.map(({ place, mostRps }) => ({ rps: mostRps, places: [place, surplus] }));
}
