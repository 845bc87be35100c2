import { ShiftPhase } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { METHODS } from "../operator.ts";
import type { Chapter, Outcome, Play } from "../play.ts";
import { measure } from "../shares.ts";
import { followShift, requestShift } from "../shifting.ts";
import { waitFor } from "../waiting.ts";

/** The leading planner is killed in the middle of a shift; the other one finishes it. */
export const LEADER_DEATH: Chapter = {
  name: "leader-death",
  title: "the leading planner dies in the middle of a shift",
  run,
};

async function run(play: Play): Promise<Outcome> {
  const fromMs = Date.now();
  const wanted = {
    weights: { "ap-south/v1": 2_500, "us-east/v1": 7_500 },
    reason: "demo: a shift that outlives its planner",
  };
  const shift = await requestShift(play, "ap-south", wanted);
  await waitFor("the first step", async () => ((await stepsOf(play, shift)) >= 1 ? true : undefined), {
    timeoutMs: 15_000,
  });
  const leader = await leaderNow(play);
  await play.stack.killPlanner(leader);
  const killedAtMs = Date.now();
  play.say(`${leader} led and is killed after the first step`);
  const next = await waitFor("another leader", async () => other(await leaderNow(play), leader), { timeoutMs: 20_000 });
  const tookMs = Date.now() - killedAtMs;
  play.say(`${next} leads after ${(tookMs / 1_000).toFixed(1)} s`);
  const completed = await followShift(play, shift, 30_000);
  const [{ checks, ...both }] = await Promise.all([
    measure(play, ["ap-south"], 2_500),
    play.stack.startPlanner(leader),
  ]);
  return {
    counted: { fromMs, untilMs: Date.now() },
    ...both,
    checks: [
      { claim: "another planner leads within 20 s", holds: tookMs <= 20_000, seen: `${tookMs} ms` },
      {
        claim: "it finishes the shift",
        holds: completed.phase === ShiftPhase.COMPLETED,
        seen: `${completed.stepsTaken} steps`,
      },
      ...checks,
    ],
  };
}

async function stepsOf(play: Play, shift: string): Promise<number> {
  return (await play.operator.call(METHODS.getShift, { shift })).shift?.stepsTaken ?? 0;
}

async function leaderNow(play: Play): Promise<string> {
  const { replicas } = await play.operator.call(METHODS.getStatus, {});
  return replicas.find(({ isLeading }) => isLeading)?.replica ?? "";
}

function other(leader: string, former: string): string | undefined {
  return leader === "" || leader === former ? undefined : leader;
}
