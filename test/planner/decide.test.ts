import { describe, expect, it } from "vitest";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import { ANSWERED_REQUESTS_MAX } from "../../src/model/fleet.ts";
import { decide } from "../../src/planner/decide.ts";
import { ANA, aSettledFleet, cluster, Play } from "./play.ts";

describe("a request id", () => {
  const cordon = { kind: "cordon-cluster", cluster: cluster("eu-west") } as const;

  it("gives a repeat the first answer without doing it again", () => {
    const play = aSettledFleet();
    play.do(cordon, { requestId: "r1", requestDigest: "d1" });
    play.do({ kind: "uncordon-cluster", cluster: cluster("eu-west") });
    expect(play.do(cordon, { requestId: "r1", requestDigest: "d1" })).toEqual([]);
    expect(play.cluster("eu-west").isCordoned).toBe(false);
    expect(play.state.answered.at(-1)).toMatchObject({ requestId: "r1", digest: "d1", subject: "eu-west" });
  });

  it("is refused for another request, and when it is endless", () => {
    const play = aSettledFleet();
    play.do(cordon, { requestId: "r1", requestDigest: "d1" });
    expect(play.refuses(cordon, { requestId: "r1", requestDigest: "d2" }).code).toBe("REQUEST_ID_REUSED");
    expect(play.refuses(cordon, { requestId: "r".repeat(129) }).code).toBe("FIELD_INVALID");
  });

  it("of a refused request is free for another try", () => {
    const play = aSettledFleet();
    play.refuses({ ...cordon, cluster: cluster("mars") }, { requestId: "r1", requestDigest: "d1" });
    play.do(cordon, { requestId: "r1", requestDigest: "d2" });
    expect(play.cluster("eu-west").isCordoned).toBe(true);
  });

  it("is remembered for the newest requests only", () => {
    const play = aSettledFleet();
    for (let n = 0; n <= ANSWERED_REQUESTS_MAX; n += 1) play.do(cordon, { requestId: `r${n}`, requestDigest: "d" });
    expect(play.state.answered).toHaveLength(ANSWERED_REQUESTS_MAX);
    expect(play.state.answered[0]?.requestId).toBe("r1");
  });
});

describe("time", () => {
  it("never goes back: a leader with a slow clock decides at the log's time", () => {
    const play = aSettledFleet();
    const { atMs } = play.state;
    play.atMs = 5;
    play.do({ kind: "cordon-cluster", cluster: cluster("eu-west") });
    expect(play.state.atMs).toBe(atMs);
  });
});

describe("a term", () => {
  const begin = { kind: "begin-term", holder: "b", witnessedEpoch: 0, incarnationId: "life-1" } as const;

  it("begins the log's life once, and is above every epoch in the log or seen by an agent", () => {
    const play = new Play();
    play.do(begin);
    expect(play.state).toMatchObject({ epoch: 1, holder: "b", incarnation: { generation: 1, id: "life-1" } });
    play.do({ ...begin, witnessedEpoch: 41, incarnationId: "other" });
    expect(play.state).toMatchObject({ epoch: 42, incarnation: { generation: 1, id: "life-1" } });
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53 - 1, 2 ** 53, Number.POSITIVE_INFINITY])(
    "refuses the epoch %d",
    (witnessedEpoch) => {
      expect(new Play().refuses({ ...begin, witnessedEpoch }).code).toBe("SEQ_RANGE");
    },
  );

  it("raises the generation only upwards, with a reason", () => {
    const play = new Play();
    play.do(begin);
    const recover = { kind: "recover", generation: 2, incarnationId: "life-2", reason: "restored a backup" } as const;
    expect(play.refuses({ ...recover, generation: 1 }).code).toBe("NOT_RECOVERABLE");
    expect(play.refuses({ ...recover, reason: "" }).code).toBe("FIELD_REQUIRED");
    play.do(recover);
    expect(play.state.incarnation).toEqual({ generation: 2, id: "life-2" });
  });
});

describe("deciding", () => {
  it("gives the same bytes for the same inputs, whatever order maps were filled in", () => {
    const play = aSettledFleet();
    play.troubles = { "eu-west": { silentForMs: 20_000 }, "ap-south": { silentForMs: 20_000 } };
    const reversed = {
      ...play.state,
      clusters: new Map([...play.state.clusters].toReversed()),
      services: new Map([...play.state.services].toReversed()),
      routeSets: new Map([...play.state.routeSets].toReversed()),
    };
    const measured = { demandRps: {}, reported: {} };
    const command = { kind: "observe", observed: play.observed(), measured } as const;
    const envelope = { command, atMs: play.atMs, actor: ANA, requestId: "", requestDigest: "" };
    const [a, b] = [decide(play.state, envelope, play.settings), decide(reversed, envelope, play.settings)];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(a).toMatchObject({ ok: true, value: [{ kind: "fleet-frozen" }, {}, {}] });
  });
});

describe("measured numbers", () => {
  it("move the inputs of the services they name, and no others", () => {
    const play = aSettledFleet({}, { demandRps: {} });
    const before = play.service().inputsSequence;
    const other = { demandRps: { ["shop/nothing" as ServiceId]: { [cluster("eu-west")]: 5 } }, reported: {} };
    play.do({ kind: "observe", observed: play.observed(), measured: other });
    expect(play.service().inputsSequence).toBe(before);
    const mine = { demandRps: { [play.service().spec.service]: { ["eu-west" as ClusterId]: 5 } }, reported: {} };
    play.do({ kind: "observe", observed: play.observed(), measured: mine });
    expect(play.service()).toMatchObject({ inputsCause: "measured", demandRps: { "eu-west": 5 } });
  });
});
