import type { Chapter, Outcome, Play } from "../play.ts";
import { lookAt, spreadChecks } from "../looking.ts";
import { comeToRest, endCrowd, HOT, startCrowd } from "../searching.ts";

/** A crowd comes to one cluster: what it cannot serve well goes elsewhere, by reports alone, and comes home when the crowd leaves. */
export const HOT_SPOT: Chapter = {
  name: "hot-spot",
  title: `a crowd comes to ${HOT}, more than it has servers for; nobody gives a command`,
  run: async (play) => {
    try {
      return await run({ ...play, service: "shop/search" });
    } finally {
      await endCrowd(play);
    }
  },
};

async function run(play: Play): Promise<Outcome> {
  const fromMs = Date.now();
  await comeToRest(play, { what: "everybody at home", isCrowded: false, holds: isAtHome });
  const before = await lookAt(play, "before", 2_000);
  startCrowd(play);
  const cameAtMs = Date.now();
  play.say(`the crowd comes to ${HOT}`);
  const spreadAtMs = await comeToRest(play, {
    what: "spread",
    isCrowded: true,
    holds: (shares) => !isAtHome(shares),
  });
  const during = await lookAt(play, "during", 3_500);
  const spread = await spreadChecks(play, { bytesPerRequest: 0 });
  await endCrowd(play);
  const leftAtMs = Date.now();
  play.say("the crowd leaves");
  const homeAtMs = await comeToRest(play, { what: "everybody home again", isCrowded: false, holds: isAtHome });
  const after = await lookAt(play, "after", 2_000);
  const { intended, observed, latencies } = during.phase;
  return {
    counted: { fromMs, untilMs: Date.now(), service: play.service },
    intended,
    observed,
    latencies,
    phases: [before.phase, during.phase, after.phase],
    tookMs: { spread: spreadAtMs - cameAtMs, home: homeAtMs - leftAtMs },
    checks: [...before.checks, ...during.checks, ...spread, ...after.checks],
  };
}

function isAtHome(shares: Readonly<Record<string, number>>): boolean {
  return shares[HOT] === 1;
}
