import { waitForCluster } from "../clusters.ts";
import { METHODS } from "../operator.ts";
import type { Chapter, Outcome, Play } from "../play.ts";
import { intendedShares, measure, percent } from "../shares.ts";
import { pause, waitFor } from "../waiting.ts";

const DRAINED = "ap-south";

/** Half at a time. */
const PACE = { maxStepWeight: 5_000, bakeMs: 1_000 } as const;

/** One cluster's share goes to zero step by step, then comes back. */
export const DRAIN: Chapter = { name: "drain", title: `${DRAINED} drains to zero and comes back`, run };

async function run(play: Play): Promise<Outcome> {
  const fromMs = Date.now();
  const before = await intendedShares(play, [DRAINED]);
  await play.operator.call(METHODS.drainCluster, { requestId: `demo-drain-${fromMs}`, cluster: DRAINED, ...PACE });
  await followDrain(play);
  await pause(700);
  const empty = { fromMs: Date.now(), untilMs: Date.now() + 2_000 };
  await pause(2_300);
  const leftover = answeredByDrained(play, empty.fromMs, empty.untilMs);
  play.say(`${DRAINED} serves ${leftover} requests; giving it back`);
  await play.operator.call(METHODS.uncordonCluster, { requestId: `demo-back-${fromMs}`, cluster: DRAINED });
  await followReturn(play, before[DRAINED]?.[`${DRAINED}/v1`] ?? 1);
  const { checks, ...both } = await measure(play, [DRAINED], 2_000);
  return {
    counted: { fromMs, untilMs: Date.now() },
    ...both,
    checks: [
      { claim: "the drained cluster answers nothing", holds: leftover === 0, seen: `${leftover} requests in 2 s` },
      ...checks,
    ],
  };
}

async function followDrain(play: Play): Promise<void> {
  let shown = -1;
  await waitForCluster(play, DRAINED, {
    what: "drained",
    timeoutMs: 40_000,
    holds: ({ drain }) => {
      if (drain !== undefined && drain.remainingWeight !== shown)
        play.say(`at most ${percent(drain.remainingWeight / 10_000)} of a source still goes there`);
      shown = drain?.remainingWeight ?? shown;
      return drain?.isDone === true;
    },
  });
}

function answeredByDrained(play: Play, fromMs: number, untilMs: number): number {
  const { requests, failed, shares } = play.tally.count({ fromMs, untilMs });
  const keys = Object.keys(shares).filter((key) => key.startsWith(`${DRAINED}/`));
  return Math.round(keys.reduce((total, key) => total + (shares[key] ?? 0), 0) * (requests - failed));
}

async function followReturn(play: Play, wanted: number): Promise<void> {
  let shown = 0;
  await waitFor(
    `${DRAINED} to have its share back`,
    async () => {
      const share = (await intendedShares(play, [DRAINED]))[DRAINED]?.[`${DRAINED}/v1`] ?? 0;
      if (share !== shown) play.say(`${DRAINED} keeps ${percent(share)} of its own requests`);
      shown = share;
      return share >= wanted ? true : undefined;
    },
    { timeoutMs: 40_000, describe: () => percent(shown) },
  );
}
