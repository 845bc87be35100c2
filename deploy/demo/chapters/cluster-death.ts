import { Verdict } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { waitForCluster } from "../clusters.ts";
import type { Chapter, Check, Outcome, Play } from "../play.ts";
import { intendedShares, measure, percent } from "../shares.ts";
import { pause, waitFor } from "../waiting.ts";

const LOST = "eu-west";
const SURVIVORS = ["us-east", "ap-south"];

/** Everything in one cluster is killed while half of another's traffic goes there; later it returns and ramps. */
export const CLUSTER_DEATH: Chapter = {
  name: "cluster-death",
  title: `kill -9 of everything in ${LOST}, then its return`,
  run,
};

async function run(play: Play): Promise<Outcome> {
  const killedAtMs = Date.now();
  await play.stack.killCluster(LOST);
  play.say(`${LOST} killed: Envoy, agent, backends, callers`);
  const verdict = await deathNoticed(play, killedAtMs);
  const returned = await letItReturn(play);
  const counted = { fromMs: killedAtMs, untilMs: Date.now(), sources: SURVIVORS };
  const recoveryMs = play.tally.recoveryMs({ ...counted, ratio: 0.99 });
  return {
    counted,
    ...returned.both,
    ...(recoveryMs === undefined ? {} : { recoveryMs }),
    failedRatioMax: 0.001,
    checks: [
      verdict,
      ...returned.checks,
      {
        claim: "99 % of requests succeed again within a second",
        holds: recoveryMs !== undefined && recoveryMs <= 1_000,
        seen: recoveryMs === undefined ? "never" : `${recoveryMs} ms`,
      },
    ],
  };
}

async function deathNoticed(play: Play, killedAtMs: number): Promise<Check> {
  await waitForCluster(play, LOST, {
    what: "dead",
    holds: ({ verdict }) => verdict === Verdict.DEAD,
    timeoutMs: 30_000,
  });
  const noticedMs = Date.now() - killedAtMs;
  const so = play.tally.count({ fromMs: killedAtMs, sources: SURVIVORS });
  play.say(
    `the planner calls it dead after ${(noticedMs / 1_000).toFixed(1)} s; ${so.failed} of ${so.requests} requests failed so far`,
  );
  await waitFor("the plan without it", async () => ((await shareOfLost(play)) === 0 ? true : undefined), {
    timeoutMs: 15_000,
  });
  play.say("the plan sends it nothing any more");
  await pause(1_000);
  return { claim: "the planner notices within 15 s", holds: noticedMs <= 15_000, seen: `${noticedMs} ms` };
}

async function shareOfLost(play: Play): Promise<number> {
  const shares = await intendedShares(play, ["us-east"]);
  return shares["us-east"]?.[`${LOST}/v1`] ?? 0;
}

async function letItReturn(
  play: Play,
): Promise<{ both: Pick<Outcome, "intended" | "observed" | "latencies">; checks: readonly Check[] }> {
  await play.stack.startCluster(LOST);
  play.say(`${LOST} started again`);
  const ramp: number[] = [];
  await waitFor(
    "its share to return",
    async () => {
      const share = await shareOfLost(play);
      if (share !== (ramp.at(-1) ?? 0)) {
        ramp.push(share);
        play.say(`${LOST} gets ${percent(share)} of us-east's requests`);
      }
      return share === 0.5 ? true : undefined;
    },
    { timeoutMs: 45_000, describe: () => `steps ${ramp.join(", ")}` },
  );
  play.stack.startCallers(LOST);
  const { checks, ...both } = await measure(play, ["us-east"], 2_500);
  const rising = ramp.every((share, index) => index === 0 || share > (ramp[index - 1] ?? 0));
  return {
    both,
    checks: [
      { claim: "its return ramps", holds: ramp.length >= 2 && rising, seen: ramp.map(percent).join(" → ") },
      ...checks,
    ],
  };
}
