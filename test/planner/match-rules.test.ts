import { describe, expect, it } from "vitest";
import type { DestinationKey } from "../../src/model/destination.ts";
import type { Observed, ObservedTraffic } from "../../src/model/observed.ts";
import type { Version } from "../../src/model/ids.ts";
import { gateOf } from "../../src/planner/pace.ts";
import { CHECKOUT } from "./planning-fleet.ts";
import { aGreeting, aSettledFleet, aSpec, cluster, isAtRest } from "./play.ts";
import type { Play } from "./play.ts";

const NAMES = ["ap-south", "eu-west", "us-east"];
const PLACES = ["ap-south/v1", "ap-south/v2", "eu-west/v1", "us-east/v1"];

/** Reports in which us-east sends what it is seen to send since long. */
function seen(play: Play, shares: Readonly<Record<string, number>>): Observed {
  const observed = play.observed();
  const [name, found] = [cluster("us-east"), observed.clusters[cluster("us-east")]];
  const traffic: ObservedTraffic | undefined = found?.traffic[CHECKOUT];
  if (found === undefined || traffic === undefined) throw new Error("us-east reports nothing");
  const changed = { ...traffic, shares: shares as Readonly<Record<DestinationKey, number>> };
  return {
    ...observed,
    clusters: { ...observed.clusters, [name]: { ...found, traffic: { ...found.traffic, [CHECKOUT]: changed } } },
  };
}

/** A play in which a release by match was just told to everybody. */
function released(): Play {
  const play = aSettledFleet();
  for (const name of NAMES) play.do(aGreeting(name, { features: ["header-match", "weighted-split"] }));
  play.turnUntil(() => isAtRest(play));
  const demandRps = Object.fromEntries(NAMES.map((name) => [cluster(name), 200]));
  const matches = [{ version: "v2" as Version, headers: { "x-canary": "1" } }];
  const pace = { maxStepWeight: 10_000, bakeMs: 1_000_000, toleranceWeight: 500 };
  play.do({
    kind: "apply-service",
    spec: aSpec(PLACES, { demandRps, pace, release: { shares: {}, maxSourceShare: 1, matches } }),
  });
  const isTold = (): boolean => {
    const hash = play.service().released[cluster("us-east")];
    return (hash === undefined ? undefined : play.state.routeSets.get(hash))?.rules.length === 2;
  };
  for (let turn = 0; turn < 5_000 && !isTold(); turn += 1) play.turn(10_000);
  play.turn();
  return play;
}

describe("a release by match in a play", () => {
  const play = released();
  const gate = (shares: Readonly<Record<string, number>>) =>
    gateOf(play.state, play.service(), { observed: seen(play, shares), settings: play.settings, atMs: play.atMs });

  it("waits for no share of requests that match: nobody knows how many they are", () => {
    expect(gate({ "us-east/v1": 0.7, "ap-south/v2": 0.3 })).toMatchObject({
      for: expect.stringContaining("watching") as string,
    });
  });

  it("judges the others by what is left", () => {
    expect(gate({ "us-east/v1": 0.4, "eu-west/v1": 0.3, "ap-south/v2": 0.3 })).toMatchObject({
      for: expect.stringContaining("the share that us-east sends to eu-west/v1") as string,
    });
  });

  it("comes to rest, and passes every check on the way", () => {
    for (let turn = 0; turn < 2_000 && !isAtRest(play); turn += 1) play.turn(60_000);
    expect(isAtRest(play)).toBe(true);
    expect(play.weights("us-east")).toEqual({ "us-east/v1": 10_000 });
  });
});
