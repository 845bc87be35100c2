import type { Chapter, Outcome, Play } from "../play.ts";
import { aligned, intendedShares, observedShares, sharesMatch } from "../shares.ts";
import { pause } from "../waiting.ts";

/** Steady state: every request stays in its own cluster. */
export const LOCAL: Chapter = { name: "local", title: "steady state: requests stay local", run };

async function run(play: Play): Promise<Outcome> {
  const sources = play.topology.clusters.map(({ name }) => name);
  const counted = { fromMs: Date.now(), untilMs: Date.now() + 4_000 };
  await pause(4_300);
  const both = aligned(await intendedShares(play, sources), observedShares(play, counted, sources));
  const local = sources.map((source) => ({
    claim: `${source} keeps its requests`,
    holds: both.intended[source]?.[`${source}/v1`] === 1,
    seen: JSON.stringify(both.intended[source] ?? {}),
  }));
  return { counted, ...both, checks: [...local, ...sharesMatch(play, counted, both)] };
}
