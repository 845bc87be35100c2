import type { Chapter, Outcome, Play } from "../play.ts";
import { measure } from "../shares.ts";
import { followShift, requestShift } from "../shifting.ts";

/** Half of one cluster's traffic goes to another, in paced steps. */
export const SHIFT: Chapter = { name: "shift", title: "half of us-east's checkout traffic to eu-west, paced", run };

async function run(play: Play): Promise<Outcome> {
  const fromMs = Date.now();
  const wanted = { weights: { "eu-west/v1": 5_000, "us-east/v1": 5_000 }, reason: "demo: share us-east's load" };
  const shift = await requestShift(play, "us-east", wanted);
  const completed = await followShift(play, shift, 30_000);
  const { checks, ...both } = await measure(play, ["us-east"], 2_500);
  return {
    counted: { fromMs, untilMs: Date.now() },
    ...both,
    checks: [
      { claim: "it took more than one step", holds: completed.stepsTaken >= 2, seen: `${completed.stepsTaken} steps` },
      {
        claim: "the planner intends what was asked for",
        holds: both.intended["us-east"]?.["eu-west/v1"] === 0.5,
        seen: JSON.stringify(both.intended),
      },
      ...checks,
    ],
  };
}
