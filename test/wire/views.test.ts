import { create } from "@bufbuild/protobuf";
import { CapacityOrigin } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { describe, expect, it } from "vitest";
import { AcknowledgementSchema, HelloSchema } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { Acknowledgement, Hello } from "../../proto/gen/weir/v1/agent_pb.ts";
import { PositionSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import { ShiftPhase } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { ClusterState } from "../../src/model/cluster.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { FleetState, ServiceState } from "../../src/model/fleet.ts";
import type { Actor, ClusterId, ServiceId, ShiftId, Version } from "../../src/model/ids.ts";
import type { Observed } from "../../src/model/observed.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY } from "../../src/model/service.ts";
import type { Shift } from "../../src/model/shift.ts";
import type { Survival, Survivals } from "../../src/model/survival.ts";
import { remainingWeight, toCluster } from "../../src/wire/cluster-view.ts";
import { fromAcknowledgement, fromHello, toAcknowledgement, toHello } from "../../src/wire/link.ts";
import { diffPlan, explainPlan, getPlan } from "../../src/wire/plan-view.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";
import { toShift } from "../../src/wire/shift.ts";
import { statusOf } from "../../src/wire/status.ts";

const EAST = "us-east" as ClusterId;
const WEST = "eu-west" as ClusterId;
const SHOP = "shop/checkout" as ServiceId;
const V1 = "v1" as Version;

function sending(weight: number): RouteSet {
  const [east, west] = [
    { cluster: EAST, version: V1 },
    { cluster: WEST, version: V1 },
  ];
  const routes = [
    { destination: east, weight: 10_000 - weight, fallback: [] },
    { destination: west, weight, fallback: [] },
  ];
  return {
    service: SHOP,
    cluster: EAST,
    protocol: "http",
    port: 80,
    rules: [{ match: { headers: {} }, routes: routes.filter((route) => route.weight > 0) }],
    reaches: [
      { destination: west, rttMs: 80 },
      { destination: east, rttMs: 0 },
    ],
    serves: [V1],
    request: DEFAULT_REQUEST_POLICY,
  };
}

const [BEFORE, AFTER] = [encodeRouteSet(sending(0)).hash, encodeRouteSet(sending(2_500)).hash];

function aService(changes: Partial<ServiceState> = {}): ServiceState {
  const spec = {
    service: SHOP,
    protocol: "http",
    port: 80,
    stableVersion: V1,
    deployments: [],
    demandRps: {},
  } as const;
  return {
    spec: { ...spec, request: DEFAULT_REQUEST_POLICY, pace: DEFAULT_PACE_POLICY },
    resourceVersion: 1,
    pins: {},
    demandRps: {},
    reported: {},
    inputsSequence: 1,
    plannedSequence: 1,
    released: { [EAST]: AFTER },
    ...changes,
  };
}

function aCluster(changes: Partial<ClusterState> = {}): ClusterState {
  return {
    spec: { cluster: WEST, region: "eu", labels: {}, rttMs: {} },
    membership: "active",
    resourceVersion: 3,
    revokedSerials: [],
    features: [],
    isCordoned: false,
    isQuarantined: false,
    verdict: "healthy",
    verdictSinceMs: 5,
    ...changes,
  };
}

const FLEET: FleetState = {
  ...EMPTY_FLEET,
  sequence: 9,
  clusters: new Map([[WEST, aCluster()]]),
  services: new Map([[SHOP, aService()]]),
  routeSets: new Map([
    [BEFORE, sending(0)],
    [AFTER, sending(2_500)],
  ]),
  revisions: new Map([[EAST, 8]]),
};

function seen(appliedHash: string | undefined, changes: object = {}): Observed {
  const shares = { "us-east/v1": 0.75, "eu-west/v1": 0.25 };
  const traffic = { [SHOP]: { requests: 100, failures: 1, shares, rps: 50, windowStartedAtMs: 0 } };
  const sight = {
    silentForMs: 10,
    isStreamOpen: true,
    peersReaching: 1,
    peersFailing: 0,
    refusals: [],
    hasFallback: false,
  };
  const appliedHashes = appliedHash === undefined ? {} : { [SHOP]: appliedHash };
  const clusters = { [EAST]: { ...sight, appliedHashes, traffic, ...changes } };
  return { atMs: 0, collectingForMs: 0, clusters };
}

function byService(survivals: readonly (readonly [string, Survival])[]): Survivals {
  return new Map(survivals.map(([service, survival]) => [service as ServiceId, survival]));
}

describe("statusOf", () => {
  function source(observed: Observed, state: FleetState = FLEET) {
    const status = statusOf({ service: "" }, { state, observed, replicas: [], survivals: new Map(), capacities: [] });
    if (!status.ok) throw new Error(status.refusal.message);
    return status.value.sources?.[0];
  }

  it("says what was learned where nobody declared anything", () => {
    const destination = { cluster: WEST, version: V1 };
    const work = { meanWorkMs: 12, squaredVariation: 2 };
    const capacities = [{ service: SHOP, destination, capacityRps: 80, origin: "learned", work }] as const;
    // A pair is kept at the smaller name: eu-west and us-east.
    const west = { ...aCluster(), learnedRttMs: { [EAST]: 30, ["zz-gone" as ClusterId]: 9 } };
    const clusters = new Map([
      [WEST, west],
      [EAST, aCluster()],
    ]);
    const state = { ...FLEET, clusters };
    const status = statusOf(
      { service: "" },
      { state, observed: seen(AFTER), replicas: [], survivals: new Map(), capacities },
    );
    expect(status).toMatchObject({
      value: {
        capacities: [{ service: SHOP, destination, capacityRps: 80, origin: CapacityOrigin.LEARNED, ...work }],
        roundTrips: [{ clusterA: WEST, clusterB: EAST, rttMs: 30 }],
      },
    });
  });

  it("puts intended, applied and observed shares side by side", () => {
    expect(source(seen(AFTER))).toEqual({
      service: SHOP,
      cluster: EAST,
      shares: [
        {
          destination: { cluster: WEST, version: V1 },
          intendedWeight: 2_500,
          appliedWeight: 2_500,
          observedShare: 0.25,
        },
        {
          destination: { cluster: EAST, version: V1 },
          intendedWeight: 7_500,
          appliedWeight: 7_500,
          observedShare: 0.75,
        },
      ],
      demandRps: 50,
      failureRatio: 0.01,
      waitsFor: "",
    });
  });

  it.each<[string, Observed, string]>([
    ["has not applied its plan", seen(BEFORE), "us-east has not applied its plan yet"],
    ["said nothing yet", { atMs: 0, collectingForMs: 0, clusters: {} }, "no report from us-east yet"],
    ["follows its fallback", seen(AFTER, { hasFallback: true }), "us-east follows its fallback"],
    [
      "refused",
      seen(BEFORE, { refusals: [{ service: SHOP, hash: "", code: "MESH_REJECTED", detail: "bad port" }] }),
      "refused: MESH_REJECTED bad port",
    ],
  ])("names what is waited for when a cluster %s", (_, observed, waitsFor) => {
    expect(source(observed)).toMatchObject({ waitsFor });
  });

  it("leaves out what nobody said, rather than showing zero", () => {
    const [share] = source({ atMs: 0, collectingForMs: 0, clusters: {} })?.shares ?? [];
    expect(share).toEqual({ destination: { cluster: WEST, version: V1 }, intendedWeight: 2_500 });
  });

  it("lists losses that are short or that the policy names, and counts the services", () => {
    const loss = { cluster: EAST, shortRps: 0, isRequired: false, isCapacityUnknown: false };
    const survivals: readonly (readonly [string, Survival])[] = [
      ["a/calm", { shortRps: 0, losses: [loss, { ...loss, cluster: WEST, isCapacityUnknown: true }] }],
      ["b/short", { shortRps: 0, losses: [loss, { ...loss, cluster: WEST, shortRps: 40, isRequired: true }] }],
      ["c/named", { shortRps: 0, losses: [{ ...loss, isRequired: true }] }],
      ["d/full", { shortRps: 7, losses: [{ ...loss, shortRps: 7 }] }],
    ];
    const status = statusOf(
      { service: "" },
      { state: FLEET, observed: seen(AFTER), replicas: [], survivals: byService(survivals), capacities: [] },
    );
    expect(status).toMatchObject({
      ok: true,
      value: {
        survivals: [
          { service: "b/short", shortRps: 0, losses: [{ cluster: WEST, shortRps: 40, isRequired: true }] },
          { service: "c/named", shortRps: 0, losses: [{ cluster: EAST, shortRps: 0, isRequired: true }] },
          { service: "d/full", shortRps: 7, losses: [{ cluster: EAST, shortRps: 7 }] },
        ],
        survivalSummary: {
          services: 4,
          survivingServices: 2,
          servicesAgainstPolicy: 1,
          servicesWithUnknownCapacity: 1,
        },
      },
    });
  });

  it("refuses a service that is not there", () => {
    const status = statusOf(
      { service: "a/b" },
      { state: FLEET, observed: seen(AFTER), replicas: [], survivals: new Map(), capacities: [] },
    );
    expect(status).toMatchObject({ refusal: { code: "UNKNOWN_SERVICE" } });
  });
});

describe("plans as the API shows them", () => {
  it("hold what was released", () => {
    expect(getPlan({ service: SHOP }, FLEET)).toMatchObject({
      ok: true,
      value: { plans: [{ service: SHOP, isSettled: true, released: [{ cluster: EAST }] }], sequence: 9n },
    });
  });

  it("differ where a cluster has not applied what it was told", () => {
    expect(diffPlan({ service: "" }, FLEET, seen(AFTER))).toMatchObject({ value: { differences: [] } });
    expect(diffPlan({ service: "" }, FLEET, seen(BEFORE))).toMatchObject({
      value: {
        differences: [{ cluster: EAST, detail: "applied us-east/v1 100%, told eu-west/v1 25%, us-east/v1 75%" }],
      },
    });
    expect(diffPlan({ service: "" }, FLEET, seen("ff"))).toMatchObject({
      value: { differences: [{ detail: expect.stringContaining("no longer kept") as string }] },
    });
  });

  it("are explained per source, for known clusters only", () => {
    expect(explainPlan({ service: SHOP, cluster: "" }, FLEET)).toMatchObject({ ok: true, value: { reasons: [] } });
    expect(explainPlan({ service: SHOP, cluster: "mars" }, FLEET)).toMatchObject({
      refusal: { code: "UNKNOWN_CLUSTER" },
    });
  });
});

describe("toCluster", () => {
  it("says how much a drained cluster still gets, and that it drains", () => {
    const drain = { startedAtMs: 1, maxStepWeight: 100, bakeMs: 2, phase: "draining" } as const;
    const shown = toCluster(aCluster({ drain }), FLEET, undefined);
    expect(shown).toMatchObject({ verdict: 5, drain: { remainingWeight: 2_500, isDone: false, deadlineAtUnixMs: 0n } });
    expect(remainingWeight(FLEET, "mars" as ClusterId)).toBe(0);
  });

  it("keeps a dead cluster dead while it drains", () => {
    const drain = { startedAtMs: 1, maxStepWeight: 100, bakeMs: 2, phase: "done" } as const;
    expect(toCluster(aCluster({ drain, verdict: "dead" }), FLEET, undefined)).toMatchObject({ verdict: 4 });
  });
});

describe("toShift", () => {
  it("shows what the sources send by now", () => {
    const shift: Shift = {
      shift: "s1" as ShiftId,
      service: SHOP,
      sources: [EAST],
      target: { kind: "automatic" },
      maxStepWeight: 1,
      bakeMs: 0,
      actor: "operator:ana" as Actor,
      reason: "r",
      phase: "holding",
      detail: "waits",
      requestedAtMs: 1,
      stepsTaken: 2,
      before: {},
    };
    expect(toShift(shift, FLEET)).toMatchObject({
      phase: ShiftPhase.HOLDING,
      endedAtUnixMs: 0n,
      current: [{ cluster: EAST, weights: [{ weight: 2_500 }, { weight: 7_500 }] }],
    });
  });
});

describe("the agent's words", () => {
  const position = { incarnation: { generation: 1, id: "a" }, epoch: 2, revision: 3 };

  it("come back as they were said", () => {
    const hello = {
      cluster: EAST,
      uid: "u",
      bootId: "b",
      agentVersion: "0.1.0",
      held: position,
      hashes: new Map([[SHOP, BEFORE]]),
      features: ["mirror" as const],
      gateway: { address: "::1", port: 1 },
      maxDestinations: 16,
    };
    expect(fromHello(create(HelloSchema, toHello(hello)))).toEqual({ ok: true, value: hello });
    const ack = {
      position,
      digest: new Uint8Array(32),
      refusals: [{ service: SHOP, hash: BEFORE, code: "X", detail: "a\nb" }],
    };
    expect(fromAcknowledgement(create(AcknowledgementSchema, toAcknowledgement(ack)))).toEqual({
      ok: true,
      value: ack,
    });
  });

  it.each<[string, Partial<Hello>, string]>([
    ["no UID", { clusterUid: "" }, "FIELD_REQUIRED"],
    ["a name that is none", { cluster: "*" }, "BAD_NAME"],
    ["a route of no destination", { maxDestinations: 0 }, "FIELD_INVALID"],
    ["a position of no log", { held: { $typeName: "weir.v1.Position", epoch: 1n, revision: 1n } }, "FIELD_REQUIRED"],
  ])("are refused with %s", (_, changes, code) => {
    const message = create(HelloSchema, { cluster: "us-east", clusterUid: "u", bootId: "b" });
    expect(fromHello({ ...message, ...changes })).toMatchObject({ ok: false, refusal: { code } });
  });

  it("lose a feature that this build does not know, and nothing else", () => {
    const message = create(HelloSchema, {
      cluster: "us-east",
      clusterUid: "u",
      bootId: "b",
      features: [1, 99 as never],
    });
    expect(fromHello(message)).toMatchObject({ ok: true, value: { features: ["weighted-split"] } });
  });

  it.each<[string, Partial<Acknowledgement>, string]>([
    ["a revision of 2^53", { position: aPosition({ revision: 2n ** 53n }) }, "SEQ_RANGE"],
    ["an epoch of u64 max", { position: aPosition({ epoch: 2n ** 64n - 1n }) }, "SEQ_RANGE"],
    ["no position", { position: undefined }, "FIELD_REQUIRED"],
    ["half a digest", { digest: new Uint8Array(16) }, "FIELD_INVALID"],
  ])("of acknowledgement are refused with %s", (_, changes, code) => {
    const message = create(AcknowledgementSchema, { digest: new Uint8Array(32), position: aPosition({}) });
    expect(fromAcknowledgement(message)).toMatchObject({ ok: true });
    expect(fromAcknowledgement({ ...message, ...changes })).toMatchObject({ ok: false, refusal: { code } });
  });
});

function aPosition(changes: { readonly epoch?: bigint; readonly revision?: bigint }) {
  const incarnation = { generation: 1n, id: "a" };
  return create(PositionSchema, { incarnation, epoch: 1n, revision: 1n, ...changes });
}
