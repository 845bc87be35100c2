import { priceMs } from "../best-division.ts";
import { declareService } from "../declaring.ts";
import { METHODS } from "../operator.ts";
import type { Chapter, Check, Outcome, Play } from "../play.ts";
import { percent } from "../shares.ts";
import { lookAt, spreadChecks } from "../looking.ts";
import { comeToRest, endCrowd, HOT, startCrowd } from "../searching.ts";
import { egressDollarsPerGb, roundTripMs } from "../topology.ts";

/** The crowd is back, and what leaves goes to the nearest, until its owner says how much each answer carries. */
export const PRICE: Chapter = {
  name: "price",
  title: "the crowd is back, and its nearest neighbour becomes the wrong one: the way there has a price",
  run: async (play) => {
    try {
      return await run({ ...play, service: "shop/search" });
    } finally {
      await endCrowd(play);
    }
  },
};

const NEAR = "eu-west";
const FAR = "ap-south";
const BYTES_PER_REQUEST = 1_000_000;

/** What may stay at the dearer one: the last per cents of a move are within the planner's dead band. */
const LEFT_OVER_MAX = 0.05;

async function run(play: Play): Promise<Outcome> {
  const fromMs = Date.now();
  startCrowd(play);
  await comeToRest(play, { what: "spread", isCrowded: true, holds: (shares) => (shares[HOT] ?? 0) < 1 });
  const before = await lookAt(play, "no price", 2_500);
  await declareService(play, "shop/search", { bytesPerRequest: BYTES_PER_REQUEST });
  const pricedAtMs = Date.now();
  play.say("shop/search says that an answer is a megabyte");
  const movedAtMs = await comeToRest(play, {
    what: "the plan to follow the price",
    isCrowded: true,
    holds: (shares) => (shares[NEAR] ?? 0) <= LEFT_OVER_MAX && (shares[FAR] ?? 0) > 0,
  });
  const after = await lookAt(play, "priced", 3_000);
  const spread = await spreadChecks(play, { bytesPerRequest: BYTES_PER_REQUEST });
  const explained = await explanation(play);
  for (const line of explained) play.say(line);
  const { intended, observed, latencies } = after.phase;
  return {
    counted: { fromMs, untilMs: Date.now(), service: play.service },
    intended,
    observed,
    latencies,
    phases: [before.phase, after.phase],
    tookMs: { moved: movedAtMs - pricedAtMs },
    explained,
    checks: [
      ...before.checks,
      ...nearestServes(before.phase.intended[HOT] ?? {}),
      ...after.checks,
      ...spread,
      ...reasonChecks(explained),
    ],
  };
}

/** Nothing weighs but time: the nearer one has its part. */
function nearestServes(shares: Readonly<Record<string, number>>): readonly Check[] {
  const near = shares[`${NEAR}/v1`] ?? 0;
  return [
    { claim: `without a price ${NEAR}, the nearer, has its part`, holds: near > LEFT_OVER_MAX, seen: percent(near) },
  ];
}

/** What `weir plan explain` says of the hot cluster and where its searches go. */
async function explanation(play: Play): Promise<readonly string[]> {
  const { reasons } = await play.operator.call(METHODS.explainPlan, { service: play.service, cluster: HOT });
  return reasons.map(
    ({ destination, kind, text }) => `${destination?.cluster}/${destination?.version} ${kind}: ${text}`,
  );
}

/** The line that says why the nearer one is passed over, and that its sums are those of what was declared. */
function reasonChecks(explained: readonly string[]): readonly Check[] {
  const line = explained.find((text) => text.startsWith(`${FAR}/v1 price:`)) ?? "";
  const wanted = [NEAR, FAR].map(wayText);
  return wanted.map((text) => ({
    claim: `weir plan explain gives the reason in numbers: "${text}"`,
    holds: line.includes(text),
    seen: line === "" ? "no such line" : line,
  }));
}

/** A way's price as its milliseconds, from what was declared: dollars a gigabyte, bytes an answer, what a millisecond is worth. */
function wayText(cluster: string): string {
  const price = Math.round(priceMs(HOT, cluster, BYTES_PER_REQUEST));
  const dollarsPerMillion = Math.round((egressDollarsPerGb(HOT, cluster) * BYTES_PER_REQUEST * 1e6) / 1e9);
  const away = roundTripMs(HOT, cluster);
  return `${away} ms away and $${dollarsPerMillion} per million requests, which weigh ${price} ms: ${away + price} ms`;
}
