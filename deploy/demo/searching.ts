import type { Play } from "./play.ts";
import { predict } from "./prediction.ts";
import { intendedShares, percent } from "./shares.ts";
import { SEARCH_RPS } from "./stack.ts";
import { waitFor } from "./waiting.ts";

/** Where the crowd comes. */
export const HOT = "us-east";

/** Who comes besides: more than the cluster has servers for. */
const CROWD = { rps: 70, seed: 100 };

/** Everybody's demand with and without the crowd, requests per second. */
export function demandRps(isCrowded: boolean): Readonly<Record<string, number>> {
  return { ...SEARCH_RPS, [HOT]: SEARCH_RPS[HOT] + (isCrowded ? CROWD.rps : 0) };
}

/** The crowd comes. */
export function startCrowd(play: Play): void {
  play.stack.startSearchers(HOT, CROWD);
}

/** The crowd leaves. */
export async function endCrowd(play: Play): Promise<void> {
  await play.stack.endSearchers(HOT, CROWD);
}

/** The planner's figure of a source's demand may be off by a part, and by chance: standard deviations of a second's requests. */
const DEMAND_TOLERANCE = 0.2;
const DEMAND_DEVIATIONS = 3;
/** Shares that stand still this long have come to rest. */
const REST_MS = 2_000;

/**
 * Waits until the planner has seen what everybody asks for, and its shares, of which `holds` says that they are what is
 * waited for, have stood still. Returns when they changed last, ms since 1970.
 */
export async function comeToRest(
  play: Play,
  { what, isCrowded, holds }: { readonly what: string; readonly isCrowded: boolean; readonly holds: HotShares },
): Promise<number> {
  let seen = "";
  let changedAtMs = Date.now();
  return await waitFor(
    what,
    async () => {
      const shares = await intendedShares(play, clustersOf(play));
      const { demandRps: known } = await predict(play);
      const text = JSON.stringify(shares);
      if (text !== seen) {
        changedAtMs = Date.now();
        if (seen !== "") play.say(lineOf(shares[HOT] ?? {}));
      }
      seen = text;
      const isSeen = Object.entries(demandRps(isCrowded)).every(
        ([name, rps]) =>
          Math.abs((known[name] ?? 0) - rps) <= Math.max(DEMAND_TOLERANCE * rps, DEMAND_DEVIATIONS * Math.sqrt(rps)),
      );
      const isThere = holds(byCluster(shares[HOT] ?? {}));
      return isSeen && isThere && Date.now() - changedAtMs >= REST_MS ? changedAtMs : undefined;
    },
    { timeoutMs: 60_000, describe: () => seen },
  );
}

/** Whether the hot cluster's shares, 0 to 1 by cluster, are what is waited for. */
export type HotShares = (shares: Readonly<Record<string, number>>) => boolean;

/** Shares of the one version, by cluster. */
export function byCluster(shares: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(shares).map(([key, share]) => [key.split("/")[0], share]));
}

export function clustersOf({ topology }: Play): readonly string[] {
  return topology.clusters.map(({ name }) => name);
}

function lineOf(shares: Readonly<Record<string, number>>): string {
  return `${HOT}'s searches: ${inWords(shares)}`;
}

/** Shares as people read them. */
export function inWords(shares: Readonly<Record<string, number>>): string {
  return Object.entries(shares)
    .map(([name, share]) => `${name} ${percent(share)}`)
    .join(", ");
}
