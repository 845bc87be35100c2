import type { Chapter, Outcome, Play } from "../play.ts";
import { measure } from "../shares.ts";

/** Steady state: every request stays in its own cluster. */
export const LOCAL: Chapter = { name: "local", title: "steady state: requests stay local", run };

async function run(play: Play): Promise<Outcome> {
  const sources = play.topology.clusters.map(({ name }) => name);
  const fromMs = Date.now();
  const { checks, ...both } = await measure(play, sources, 3_000);
  const local = sources.map((source) => ({
    claim: `${source} keeps its requests`,
    holds: both.intended[source]?.[`${source}/v1`] === 1,
    seen: JSON.stringify(both.intended[source] ?? {}),
  }));
  return { counted: { fromMs, untilMs: Date.now() }, ...both, checks: [...local, ...checks] };
}
