import { describe, expect, it } from "vitest";
import type { ClusterSpec } from "../../src/model/cluster.ts";
import { aGreeting, aRegistration, aSettledFleet, cluster, join, Play, secretHash } from "./play.ts";

const HOUR_MS = 3_600_000;

function registered(name = "eu-west", spec: Partial<ClusterSpec> = {}): Play {
  const play = new Play();
  const command = aRegistration(name, play.atMs);
  play.do({ ...command, spec: { ...command.spec, ...spec } });
  return play;
}

function redeem(name: string, change: object = {}) {
  return {
    kind: "redeem-token",
    secretHash: secretHash(name),
    uid: `uid-${name}`,
    serial: `0a-${name}`,
    ...change,
  } as const;
}

describe("registering a cluster", () => {
  it.each([
    "",
    "Eu",
    "eu.west",
    "*",
    ">",
    "a b",
    "a/b",
    "-a",
    "a-",
    "é",
    "eu‮west",
    "a\0",
    "а",
    "a".repeat(64),
    "constructor",
  ])("refuses the name %j", (name) => {
    const play = new Play();
    expect(play.refuses(aRegistration(name, play.atMs))).toMatchObject({ code: "BAD_NAME", field: "cluster.name" });
  });

  it.each<[string, Partial<ClusterSpec>, string, string]>([
    ["a negative round trip", { rttMs: { [cluster("a")]: -1 } }, "FIELD_INVALID", "cluster.rtt_ms[a]"],
    ["a round trip that is no number", { rttMs: { [cluster("a")]: Number.NaN } }, "FIELD_INVALID", "cluster.rtt_ms[a]"],
    ["a round trip to no name", { rttMs: { [cluster("A")]: 1 } }, "BAD_NAME", "cluster.rtt_ms"],
    ["port 0", { gateway: { address: "x", port: 0 } }, "FIELD_INVALID", "cluster.gateway.port"],
    ["an empty address", { gateway: { address: "", port: 1 } }, "FIELD_INVALID", "cluster.gateway.address"],
    [
      "a line break in an address",
      { gateway: { address: "x\r\ny", port: 1 } },
      "FIELD_INVALID",
      "cluster.gateway.address",
    ],
    ["an endless region", { region: "r".repeat(300) }, "FIELD_INVALID", "cluster.region"],
    ["a label that is none", { labels: { "a b": "c" } }, "FIELD_INVALID", 'cluster.labels["a b"]'],
  ])("refuses %s", (_what, change, code, field) => {
    const play = new Play();
    const command = aRegistration("eu-west", play.atMs);
    expect(play.refuses({ ...command, spec: { ...command.spec, ...change } })).toMatchObject({ code, field });
  });

  it.each([0, -1, HOUR_MS + 61_000])("refuses a token that lives for %d ms", (lifeMs) => {
    const play = new Play();
    const command = { ...aRegistration("eu-west", play.atMs), expiresAtMs: play.atMs + lifeMs };
    expect(play.refuses(command)).toMatchObject({ code: "FIELD_INVALID", field: "token_ttl_seconds" });
  });

  it("refuses a name that is taken, until its token has run out unused", () => {
    const play = registered();
    expect(play.refuses(aRegistration("eu-west", play.atMs)).code).toBe("ALREADY_EXISTS");
    play.atMs += HOUR_MS;
    play.do({ ...aRegistration("eu-west", play.atMs), secretHash: secretHash("other") });
    expect(play.cluster("eu-west").resourceVersion).toBe(2);
  });
});

describe("redeeming a token", () => {
  it("makes the cluster pending, once", () => {
    const play = registered();
    play.do(redeem("eu-west"));
    expect(play.cluster("eu-west")).toMatchObject({ membership: "pending", uid: "uid-eu-west" });
    expect(play.refuses(redeem("eu-west")).code).toBe("TOKEN_INVALID");
  });

  it("gives the same key another certificate, for its answer may have been lost, until its agent has shown itself", () => {
    const play = registered();
    const mine = { publicKeyHash: "key-1" };
    play.do(redeem("eu-west", mine));
    expect(play.do(redeem("eu-west", { ...mine, serial: "0b" }))).toMatchObject([{ kind: "certificate-renewed" }]);
    expect(play.cluster("eu-west")).toMatchObject({ membership: "pending", issuedSerials: ["0a-eu-west", "0b"] });
    play.do({ kind: "accept-cluster", cluster: cluster("eu-west") });
    play.do(redeem("eu-west", { ...mine, serial: "0c" }));
    expect(play.cluster("eu-west").membership).toBe("accepted");
    play.do(aGreeting("eu-west", { serial: "0c" }));
    expect(play.refuses(redeem("eu-west", mine)).code).toBe("TOKEN_INVALID");
  });

  it.each<[string, object, number]>([
    ["another key", { publicKeyHash: "key-2" }, 0],
    ["no key", {}, 0],
    ["the same key at another cluster", { publicKeyHash: "key-1", uid: "uid-other" }, 0],
    ["the same key after the token's life", { publicKeyHash: "key-1" }, HOUR_MS],
  ])("is used up for %s", (_what, change, afterMs) => {
    const play = registered();
    play.do(redeem("eu-west", { publicKeyHash: "key-1" }));
    play.atMs += afterMs;
    expect(play.refuses(redeem("eu-west", change)).code).toBe("TOKEN_INVALID");
  });

  it("is used up for the same key once the cluster is revoked or quarantined", () => {
    for (const end of [
      { kind: "revoke-cluster", reason: "r" },
      { kind: "quarantine-cluster", detail: "d" },
    ] as const) {
      const play = registered();
      play.do(redeem("eu-west", { publicKeyHash: "key-1" }));
      play.do({ ...end, cluster: cluster("eu-west") });
      expect(play.refuses(redeem("eu-west", { publicKeyHash: "key-1" })).code).toBe("TOKEN_INVALID");
    }
  });

  it("answers every wrong token with the same words", () => {
    const play = registered("eu-west", { expectedUid: "uid-right" });
    const off = secretHash("eu-west").replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const wrongs = [redeem("eu-west"), redeem("eu-west", { secretHash: off }), redeem("eu-west", { uid: "" })];
    const answers = wrongs.map((wrong) => play.refuses(wrong));
    play.atMs += HOUR_MS;
    answers.push(play.refuses(redeem("eu-west", { uid: "uid-right" })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.code).toBe("TOKEN_INVALID");
  });
});

describe("joining", () => {
  it("goes from registered over pending and accepted to active", () => {
    const play = registered();
    expect(play.refuses({ kind: "accept-cluster", cluster: cluster("eu-west") }).code).toBe("CLUSTER_STATE");
    play.do(redeem("eu-west"));
    expect(play.refuses(aGreeting("eu-west")).code).toBe("NOT_ACCEPTED");
    play.do({ kind: "accept-cluster", cluster: cluster("eu-west") });
    expect(play.do({ kind: "accept-cluster", cluster: cluster("eu-west") })).toEqual([]);
    play.do(aGreeting("eu-west"));
    expect(play.cluster("eu-west").membership).toBe("active");
    expect(play.do(aGreeting("eu-west", { features: ["rendered-fallback", "weighted-split"] }))).toEqual([]);
  });

  it("takes the gateway that the agent says, unless one was declared", () => {
    const play = aSettledFleet();
    play.do(aGreeting("eu-west", { gateway: { address: "10.0.0.1", port: 1 } }));
    expect(play.cluster("eu-west").gateway?.address).toBe("eu-west.example");
  });

  it("takes how many destinations its mesh takes from the agent, and plans anew when that changes", () => {
    const play = aSettledFleet();
    const features = ["rendered-fallback", "weighted-split"] as const;
    const before = play.service().inputsSequence;
    play.do(aGreeting("eu-west", { features, maxDestinations: 16 }));
    expect(play.cluster("eu-west").maxDestinations).toBe(16);
    expect(play.service().inputsSequence).toBeGreaterThan(before);
    expect(play.do(aGreeting("eu-west", { features, maxDestinations: 16 }))).toEqual([]);
    play.do(aGreeting("eu-west", { features }));
    expect(play.cluster("eu-west")).not.toHaveProperty("maxDestinations");
  });

  it("knows a serial in whatever form a library writes it", () => {
    const play = aSettledFleet();
    expect(play.do(aGreeting("eu-west", { serial: "0A-EU-WEST" }))).toEqual([]);
    expect(play.do(aGreeting("eu-west", { serial: "A-eu-west" }))).toEqual([]);
  });

  it("renews on the certificate that was proven, and takes the old one until it ends", () => {
    const play = aSettledFleet();
    const renewal = {
      kind: "renew-certificate",
      cluster: cluster("eu-west"),
      uid: "uid-eu-west",
      serial: "0b",
    } as const;
    play.do({ ...renewal, presentedSerial: "0a-eu-west" });
    expect(play.cluster("eu-west").certificateSerial).toBe("0b");
    expect(play.do(aGreeting("eu-west"))).toEqual([]);
    expect(play.refuses({ ...renewal, presentedSerial: "ff" }).code).toBe("REVOKED");
  });
});

describe("a copied identity", () => {
  it("shuts out both clusters, whether it greets or renews", () => {
    const play = aSettledFleet();
    const [event] = play.do(aGreeting("eu-west", { uid: "uid-copy" }));
    expect(event).toMatchObject({ kind: "cluster-quarantined", cluster: "eu-west" });
    expect(play.refuses(aGreeting("eu-west")).code).toBe("IDENTITY_CLONED");
    const renewal = { kind: "renew-certificate", cluster: cluster("us-east"), uid: "uid-copy", serial: "0b" } as const;
    play.do({ ...renewal, presentedSerial: "0a-us-east" });
    expect(play.cluster("us-east")).toMatchObject({ isQuarantined: true, certificateSerial: "0a-us-east" });
  });
});

describe("revoking", () => {
  it("needs a reason, cuts the agent off and moves what others send it at once", () => {
    const play = aSettledFleet();
    const revoke = { kind: "revoke-cluster", cluster: cluster("eu-west"), reason: "stolen key" } as const;
    expect(play.refuses({ ...revoke, reason: " " })).toMatchObject({ code: "FIELD_REQUIRED", field: "reason" });
    play.do(revoke);
    expect(play.do(revoke)).toEqual([]);
    expect(play.refuses(aGreeting("eu-west")).code).toBe("REVOKED");
    expect(play.service().inputsCause).toBe("lost");
    expect(play.refuses({ kind: "cordon-cluster", cluster: cluster("eu-west") }).code).toBe("CLUSTER_STATE");
  });

  it("outlives forgetting: a certificate of an earlier registration opens nothing", () => {
    const play = aSettledFleet();
    play.do({ kind: "revoke-cluster", cluster: cluster("eu-west"), reason: "stolen key" });
    play.do({ kind: "unregister-cluster", cluster: cluster("eu-west"), force: "still-serving" });
    play.do(aRegistration("eu-west", play.atMs));
    play.do(redeem("eu-west", { serial: "0c" }));
    play.do({ kind: "accept-cluster", cluster: cluster("eu-west") });
    expect(play.refuses(aGreeting("eu-west")).code).toBe("REVOKED");
    play.do(aGreeting("eu-west", { serial: "0c" }));
  });
});

describe("unregistering", () => {
  const unregister = { kind: "unregister-cluster", cluster: cluster("eu-west") } as const;

  it("is refused while the cluster is sent something, unless forced", () => {
    const play = aSettledFleet();
    const refusal = play.refuses({ ...unregister, force: "no" });
    expect(refusal.code).toBe("STILL_SERVING");
    expect(refusal.message).toContain("100.00 % of shop/checkout");
    play.do({ ...unregister, force: "still-serving" });
    expect(play.state.clusters.has(cluster("eu-west"))).toBe(false);
    expect(play.service().released[cluster("eu-west")]).toBeUndefined();
    play.turnUntil(() => play.service().plannedSequence >= play.service().inputsSequence);
  });

  it("never lets its revision fall, so that the same name joined anew is told something newer", () => {
    const play = aSettledFleet();
    const before = play.state.revisions.get(cluster("eu-west")) ?? 0;
    play.do({ ...unregister, force: "still-serving" });
    join(play, "eu-west");
    expect(play.state.revisions.get(cluster("eu-west"))).toBeGreaterThan(before);
  });

  it("works for a dead cluster to which only its own callers were left", () => {
    const play = aSettledFleet();
    play.troubles = { "eu-west": { silentForMs: 20_000, isStreamOpen: false, peersReaching: 0, peersFailing: 2 } };
    play.turn();
    play.turn();
    play.do({ ...unregister, force: "no" });
    expect(play.state.clusters.size).toBe(2);
  });
});
