import type { ClusterLoss } from "../../model/survival.ts";
import { placeable } from "./max-flow.ts";
import type { Crowd } from "./max-flow.ts";

/** Requests that may go to the same places, each up to a ceiling of its own. */
export interface Party {
  readonly rps: number;
  /** Indices of the places that may take them. */
  readonly places: readonly number[];
  /** Most requests per second that each of the places takes of them, in their order. */
  readonly ceilingsRps: readonly number[];
}

/** Less than this is rounding, as a share of the demand. */
const NOTHING = 1e-9;

/** What some requests lack. */
export type Shortage = Pick<ClusterLoss, "shortRps" | "isCapacityUnknown">;

/**
 * Requests per second that find no room, however the parties are divided over the places that they share.
 *
 * @param roomRps - what each place takes; Infinity where nobody knows.
 */
export function shortage(parties: readonly Party[], roomRps: readonly number[]): Shortage {
  const demandRps = parties.reduce((sum, { rps }) => sum + rps, 0);
  const missing = missingOf(parties, roomRps);
  return {
    shortRps: missing > NOTHING * demandRps ? missing : 0,
    isCapacityUnknown: parties.some(({ places }) => places.some((place) => roomRps[place] === Infinity)),
  };
}

function missingOf(parties: readonly Party[], roomRps: readonly number[]): number {
  const room = [...roomRps];
  // Who may go to one place alone is served there first: others find as much elsewhere as they would have had there.
  const confined = parties.filter(({ places }) => places.length < 2);
  const missing = confined.reduce((sum, party) => sum + party.rps - take(party, room), 0);
  const others = parties.filter(({ places }) => places.length > 1);
  const filled = fillInTurn(others, room);
  if (filled.isBest) return missing + filled.missingRps;
  const crowds = pooled(others).flatMap((party) => crowdsOf(party, room));
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
  const byPlaces = Map.groupBy(choosing, ({ places }) => places.join(" "));
  return [...parties.filter((party) => !hasSurplus(party)), ...[...byPlaces.values()].map(poolOf)];
}

function hasSurplus({ rps, ceilingsRps }: Party): boolean {
  const bound = ceilingsRps.filter((most) => most < rps);
  return bound.reduce((sum, most) => sum + most, 0) > rps;
}

function poolOf(group: readonly Party[]): Party {
  const places = group[0]?.places ?? [];
  return {
    rps: group.reduce((sum, { rps }) => sum + rps, 0),
    places,
    ceilingsRps: places.map((_, at) =>
      group.reduce((sum, { rps, ceilingsRps }) => sum + Math.min(rps, ceilingsRps[at] ?? 0), 0),
    ),
  };
}

/**
 * Lets one party after the other fill places, those with the fewest first. That is as good as can be for one party alone, where
 * everybody finds room, and where no room is left: mostly, so that it saves the search for the best.
 */
function fillInTurn(parties: readonly Party[], before: readonly number[]) {
  const room = [...before];
  const inTurn = parties.toSorted((a, b) => a.places.length - b.places.length);
  const missingRps = inTurn.reduce((sum, party) => sum + party.rps - take(party, room), 0);
  const demandRps = parties.reduce((sum, { rps }) => sum + rps, 0);
  const isBest = parties.length < 2 || missingRps <= NOTHING * demandRps || isFull(parties, room);
  return { missingRps, isBest };
}

function isFull(parties: readonly Party[], room: readonly number[]): boolean {
  return parties.every(({ places }) => places.every((place) => (room[place] ?? 0) <= 0));
}

/** Fills places for a party, first those that take a part of it only. Says how many requests per second they take. */
function take({ rps, places, ceilingsRps }: Party, room: number[]): number {
  let left = rps;
  const fill = (isPartial: boolean): void => {
    for (const [at, place] of places.entries()) {
      const mostRps = ceilingsRps[at] ?? 0;
      if (mostRps < rps !== isPartial) continue;
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
function crowdsOf({ rps, places, ceilingsRps }: Party, room: number[]): readonly Crowd[] {
  const reached = places.map((place, at) => ({ place, mostRps: Math.min(rps, ceilingsRps[at] ?? 0) }));
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
