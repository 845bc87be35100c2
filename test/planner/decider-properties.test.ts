import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../src/model/command.ts";
import { keyOf } from "../../src/model/destination.ts";
import type { Weighted } from "../../src/model/destination.ts";
import { EVENT_KINDS } from "../../src/model/event.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ServiceId, ShiftId } from "../../src/model/ids.ts";
import { ShardedMap } from "../../src/model/sharded-map.ts";
import { decide } from "../../src/planner/decide.ts";
import { evolve } from "../../src/planner/evolve.ts";
import { ruleAgainst } from "../../src/planner/policy.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/wire/snapshot.ts";
import { preferences, releases } from "./arbitrary-preferences.ts";
import { ANA, aGreeting, aRegistration, aShift, aSpec, cluster, Play, secretHash } from "./play.ts";
import type { Troubles } from "./play.ts";

const NAMES = ["ap-south", "eu-west", "us-east", "ca-west"];
const SERVICES = ["shop/cart", "shop/checkout"] as ServiceId[];

const PACE = { maxStepWeight: 4_000, bakeMs: 1_000, toleranceWeight: 500 };

/** One thing that happens: a command, or a turn of the loop in some weather. */
type Move = { readonly command: (play: Play) => Command } | { readonly turnMs: number; readonly troubles: Troubles };

const name = fc.constantFrom(...NAMES);
const service = fc.constantFrom(...SERVICES);
const places = fc.subarray(NAMES.flatMap((found) => [`${found}/v1`, `${found}/v2`]));

const trouble = fc.constantFrom<Troubles[string]>(
  {},
  "silent",
  { silentForMs: 4_000 },
  { silentForMs: 20_000, isStreamOpen: false, peersReaching: 0, peersFailing: 2 },
  { peersReaching: 0, peersFailing: 2 },
  { hasFallback: true },
  { appliedHashes: {} },
);

const turn: fc.Arbitrary<Move> = fc.record({
  turnMs: fc.constantFrom(0, 500, 1_000, 10_000, 61_000),
  troubles: fc.dictionary(name, trouble, { maxKeys: 3 }),
});

const joining: fc.Arbitrary<Move> = fc
  .tuple(name, fc.constantFrom("register", "redeem", "accept", "greet", "copy", "renew", "quarantine"))
  .map(([who, what]) => ({ command: (play) => joinCommand(play, who, what) }));

function joinCommand(play: Play, who: string, what: string): Command {
  if (what === "register") return aRegistration(who, play.atMs);
  if (what === "redeem")
    return { kind: "redeem-token", secretHash: secretHash(who), uid: `uid-${who}`, serial: `0a-${who}` };
  if (what === "accept") return { kind: "accept-cluster", cluster: cluster(who) };
  if (what === "greet") return aGreeting(who);
  if (what === "copy") return aGreeting(who, { uid: "copy" });
  if (what === "quarantine") return { kind: "quarantine-cluster", cluster: cluster(who), detail: "seen twice" };
  return {
    kind: "renew-certificate",
    cluster: cluster(who),
    uid: `uid-${who}`,
    presentedSerial: `0a-${who}`,
    serial: "0b",
  };
}

const keeping: fc.Arbitrary<Move> = fc
  .tuple(name, fc.constantFrom("cordon", "uncordon", "drain", "drain", "revoke", "unregister"), fc.boolean())
  .map(([who, what, isForced]) => ({ command: () => keepCommand(who, what, isForced ? "yes" : "no") }));

function keepCommand(who: string, what: string, force: "yes" | "no"): Command {
  const [found, reason] = [cluster(who), "drill"];
  if (what === "cordon") return { kind: "cordon-cluster", cluster: found };
  if (what === "uncordon") return { kind: "uncordon-cluster", cluster: found };
  if (what === "revoke") return { kind: "revoke-cluster", cluster: found, reason };
  if (what === "unregister") {
    return { kind: "unregister-cluster", cluster: found, force: force === "yes" ? "still-serving" : "no" };
  }
  const drain = { maxStepWeight: 5_000, bakeMs: 1_000, force: force === "yes" ? "over-capacity" : "no" } as const;
  return { kind: "drain-cluster", cluster: found, drain };
}

const policies: fc.Arbitrary<ServicePolicy | undefined> = fc.option(
  fc
    .tuple(
      fc.record({
        isolation: fc.constantFrom("none" as const, "none" as const, "nearest" as const, "strict" as const),
        requiredLabels: fc.constantFrom({}, {}, { region: "europe" }, { zone: "a" }),
        deniedClusters: fc.subarray(NAMES.map(cluster), { maxLength: 2 }),
        maxShare: fc.constantFrom(1, 1, 0.5),
        surviveLossOf: fc.constantFrom("none" as const, "any" as const),
      }),
      fc.oneof(fc.constant<Partial<ServicePolicy>>({}), preferences),
    )
    .map(([policy, preferred]) => ({
      ...policy,
      ...preferred,
      // An order is refused beside isolation.
      ...(preferred.failover !== undefined && { isolation: "none" as const }),
    })),
  { nil: undefined },
);

const declaring: fc.Arbitrary<Move> = fc
  .tuple(service, places, fc.boolean(), policies, fc.option(releases, { nil: undefined }))
  .map(([id, where, isDeleted, policy, release]) => ({
    command: () => {
      if (isDeleted && where.length < 3) return { kind: "delete-service", service: id, force: "no" };
      const isRunning = where.some((place) => place.endsWith("/v2"));
      const bound = {
        ...(policy !== undefined && { policy }),
        ...(release !== undefined && isRunning && { release }),
      };
      return { kind: "apply-service", spec: aSpec(where, { service: id, pace: PACE, ...bound }) };
    },
  }));

const shifting: fc.Arbitrary<Move> = fc
  .tuple(
    service,
    fc.subarray(NAMES),
    fc.dictionary(fc.constantFrom(...NAMES.map((found) => `${found}/v1`)), fc.constantFrom(0, 2_500, 5_000, 10_000)),
    fc.nat({ max: 9 }),
  )
  .map(([id, sources, weights, number]) => ({
    command: () =>
      aShift(weights, { shift: `s${number}` as ShiftId, service: id, sources: sources.map((found) => cluster(found)) }),
  }));

const aborting: fc.Arbitrary<Move> = fc
  .nat({ max: 9 })
  .map((number) => ({ command: () => ({ kind: "abort-shift", shift: `s${number}` as ShiftId, reason: "no" }) }));

const measuring: fc.Arbitrary<Move> = fc
  .tuple(service, name, fc.nat({ max: 3_000 }), fc.nat({ max: 2 }))
  .map(([id, who, rps, readyEndpoints]) => ({
    command: (play) => ({
      kind: "observe",
      observed: play.observed(),
      measured: {
        demandRps: { [id]: { [cluster(who)]: rps } },
        reported: { [id]: { [`${who}/v1`]: { readyEndpoints } } },
      },
    }),
  }));

const term: fc.Arbitrary<Move> = fc.nat({ max: 100 }).map((witnessedEpoch) => ({
  command: () => ({ kind: "begin-term", holder: "p", witnessedEpoch, incarnationId: "life" }),
}));

const moves = fc.array(fc.oneof(turn, turn, turn, joining, keeping, declaring, shifting, aborting, measuring, term), {
  minLength: 1,
  maxLength: 60,
});

/** Three clusters with agents and one service, then whatever comes. */
function begin(): Play {
  const play = new Play({
    healthyAfterMs: 2_000,
    rampStepMs: 1_000,
    coldStartMs: 1_000,
    routineIntervalMs: 2_000,
    emergencyWatchMs: 1_000,
  });
  play.do({ kind: "begin-term", holder: "p", witnessedEpoch: 0, incarnationId: "life" });
  for (const found of NAMES.slice(0, 3)) {
    for (const what of ["register", "redeem", "accept", "greet"]) play.do(joinCommand(play, found, what));
  }
  play.turn();
  play.do({
    kind: "apply-service",
    spec: aSpec(["eu-west/v1", "us-east/v1", "ap-south/v1", "ap-south/v2"], { pace: PACE }),
  });
  return play;
}

/** Makes a move if it is allowed; a refusal must leave nothing behind. */
function make(play: Play, move: Move): void {
  if ("turnMs" in move) {
    play.troubles = move.troubles;
    play.turn(move.turnMs);
    return;
  }
  const command = move.command(play);
  const decision = decide(
    play.state,
    { command, atMs: play.atMs, actor: ANA, requestId: "", requestDigest: "" },
    play.settings,
  );
  if (decision.ok) play.do(command);
}

/** Checks a promise before and after every move of any play. */
function always(promise: (before: FleetState, after: FleetState, play: Play) => void): void {
  fc.assert(
    fc.property(moves, (all) => {
      const play = begin();
      for (const move of all) {
        const before = play.state;
        make(play, move);
        promise(before, play.state, play);
      }
    }),
    { numRuns: 150 },
  );
}

describe("whatever is asked in whatever order", () => {
  it("folds only known events, and gives the same state again from the log", () => {
    fc.assert(
      fc.property(moves, (all) => {
        const play = begin();
        for (const move of all) make(play, move);
        const kinds = play.records.flatMap(({ events }) => events.map(({ kind }) => kind));
        expect(kinds.filter((kind) => !EVENT_KINDS.includes(kind))).toEqual([]);
        expect(play.records.reduce(evolve, EMPTY_FLEET)).toEqual(play.state);
      }),
      { numRuns: 150 },
    );
  });

  it("never changes a state that was given out", () => {
    const frozen = new Map<FleetState, string>();
    always((before, after) => {
      frozen.set(before, frozen.get(before) ?? plain(before));
      expect(plain(before)).toBe(frozen.get(before));
      const values = { ...after, routeSets: new Map(after.routeSets) };
      expect(structuredClone(values)).toEqual(values);
    });
  });

  it("counts sequences, resource versions, revisions, epochs and time only upwards", () => {
    always((before, after) => {
      expect(after.sequence).toBeGreaterThanOrEqual(before.sequence);
      expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
      expect(after.atMs).toBeGreaterThanOrEqual(before.atMs);
      for (const [id, revision] of before.revisions) expect(after.revisions.get(id)).toBeGreaterThanOrEqual(revision);
      for (const [id, found] of before.clusters) {
        const then = after.clusters.get(id);
        const hasGrown = then === undefined || then === found || then.resourceVersion > found.resourceVersion;
        expect(hasGrown, `${id} counts its changes`).toBe(true);
      }
    });
  });

  it("tells a cluster a new revision if and only if what it is told has changed", () => {
    always((before, after) => {
      for (const id of after.clusters.keys()) {
        if (!before.clusters.has(id)) continue;
        const isSame = told(before, id) === told(after, id);
        const [then, now] = [before.revisions.get(id) ?? 0, after.revisions.get(id) ?? 0];
        expect(isSame ? now === then : now > then, `${id} went from ${then} to ${now}`).toBe(true);
      }
    });
  });

  it("never takes two steps of one shift within its bake, but in an emergency", () => {
    fc.assert(
      fc.property(moves, (all) => {
        const play = begin();
        for (const move of all) make(play, move);
        expect(hasteOf(play)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("moves nothing but what an operator asked for while the fleet is frozen", () => {
    always((before, after, play) => {
      if (before.freeze === undefined || after.freeze === undefined) return;
      const released = play.records.filter(({ sequence }) => sequence > before.sequence);
      const urgencies = released.flatMap(({ events }) =>
        events.flatMap((event) => (event.kind === "plan-committed" ? [event.plan.urgency] : [])),
      );
      expect(urgencies).not.toContain("routine");
    });
  });

  it("never tells anybody to send more where the service's policy forbids it", () => {
    always((before, after) => {
      const had = forbiddenWeights(before, after);
      const risen = [...forbiddenWeights(after, after)].filter(([lane, weight]) => weight > (had.get(lane) ?? 0));
      expect(risen).toEqual([]);
    });
  });

  it("lets no token be used twice", () => {
    always((_before, after, play) => {
      for (const [id, { token }] of after.clusters) {
        if (token?.redeemedAtMs === undefined) continue;
        const command = { kind: "redeem-token", secretHash: secretHash(id), uid: `uid-${id}`, serial: "0c" } as const;
        expect(play.refuses(command).code).toBe("TOKEN_INVALID");
      }
    });
  });

  it("decides nothing anew on the same reports", () => {
    always((_before, _after, play) => {
      play.do({ kind: "observe", observed: play.observed(), measured: { demandRps: {}, reported: {} } });
      const command = {
        kind: "observe",
        observed: play.observed(),
        measured: { demandRps: {}, reported: {} },
      } as const;
      expect(play.do(command)).toEqual([]);
    });
  });

  it("comes to rest when the weather is fine", () => {
    fc.assert(
      fc.property(moves, (all) => {
        const play = begin();
        for (const move of all) make(play, move);
        play.troubles = {};
        for (let n = 0; n < 80; n += 1) play.turn(3_000);
        const { sequence } = play.state;
        for (let n = 0; n < 5; n += 1) play.turn(3_000);
        expect(play.state.sequence).toBe(sequence);
        expect(play.state.freeze).toBeUndefined();
        // Where nobody is a member any more, there is nobody to plan for.
        const hasMembers = [...play.state.clusters.values()].some(({ membership }) => membership === "active");
        const open = [...play.state.services.values()].filter(({ rollout }) => rollout?.isSettled === false);
        expect(hasMembers ? open : []).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("goes on from a snapshot as from the state itself", () => {
    fc.assert(
      fc.property(moves, moves, (first, then) => {
        const play = begin();
        for (const move of first) make(play, move);
        const restored = decodeSnapshot(encodeSnapshot(play.state));
        if (!restored.ok) throw new Error(restored.refusal.message);
        const twin = new Play(play.settings);
        Object.assign(twin, { state: restored.value, atMs: play.atMs, troubles: play.troubles });
        for (const move of then) {
          make(play, move);
          make(twin, move);
        }
        expect(twin.state).toEqual(play.state);
      }),
      { numRuns: 100 },
    );
  });
});

/** Pairs of steps of one shift that came too soon after each other. */
function hasteOf(play: Play): readonly string[] {
  const last = new Map<ShiftId, { readonly steps: number; readonly atMs: number }>();
  const found: string[] = [];
  for (const { atMs, events, sequence } of play.records) {
    const isEmergency = events.some((event) => event.kind === "plan-committed" && event.plan.urgency === "emergency");
    for (const event of events) {
      if (event.kind !== "shift-moved") continue;
      const before = last.get(event.shift) ?? { steps: 0, atMs: Number.NEGATIVE_INFINITY };
      if (event.stepsTaken <= before.steps) continue;
      if (!isEmergency && atMs - before.atMs < PACE.bakeMs) found.push(`${event.shift} in record ${sequence}`);
      last.set(event.shift, { steps: event.stepsTaken, atMs });
    }
  }
  return found;
}

/** What sources were told to send, or to fall back on, where the policy of another state forbids it. */
function forbiddenWeights(state: FleetState, ruling: FleetState): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [id, { released }] of state.services) {
    const spec = ruling.services.get(id)?.spec;
    for (const [source, hash] of Object.entries(released)) {
      const note = (what: string, { destination, weight }: Weighted): void => {
        const lane = { source: cluster(source), destination: destination.cluster };
        if (spec !== undefined && ruleAgainst(lane, spec, ruling) !== undefined)
          found.set(`${id} ${source} ${what} ${keyOf(destination)}`, weight);
      };
      for (const route of state.routeSets.get(hash)?.rules.at(-1)?.routes ?? []) {
        note("sends", route);
        for (const entry of route.fallback) note(`falls back from ${keyOf(route.destination)} on`, entry);
      }
    }
  }
  return found;
}

function told(state: FleetState, id: string): string {
  const services = [...state.services].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return services
    .map(([name_, { released }]) => `${name_}=${released[cluster(id)] ?? ""}`)
    .filter((line) => !line.endsWith("="))
    .join();
}

function plain(state: FleetState): string {
  return JSON.stringify(state, (_key, value: unknown) =>
    value instanceof Map || value instanceof ShardedMap ? [...value] : value,
  );
}
