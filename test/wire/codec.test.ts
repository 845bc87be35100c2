import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogRecordSchema } from "../../proto/gen/weir/v1/log_pb.ts";
import type { Codec } from "../../src/engine/ports.ts";
import { EVENT_KINDS } from "../../src/model/event.ts";
import type { FleetEvent, LogRecord } from "../../src/model/event.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import { compareNames } from "../../src/model/ids.ts";
import type { Actor, ClusterId, ServiceId, ShiftId } from "../../src/model/ids.ts";
import { OPEN_POLICY } from "../../src/model/service.ts";
import { ShardedMap } from "../../src/model/sharded-map.ts";
import { policyOf } from "../../src/planner/policy.ts";
import { codec } from "../../src/wire/codec.ts";
import { routeSet, sequence } from "./arbitrary.ts";

/** That the codec is what the engine asks for is a promise of its types. */
const port: Codec = codec;

const EVENTS: readonly FleetEvent[] = [
  { kind: "term-started", epoch: 3, holder: "planner-1", incarnation: { generation: 1, id: "a" } },
  {
    kind: "cluster-greeted",
    cluster: "eu-west" as ClusterId,
    features: ["mirror"],
    gateway: { address: "10.0.0.1", port: 1 },
  },
  { kind: "ramp-changed", cluster: "eu-west" as ClusterId },
  { kind: "rollout-waits", service: "shop/checkout" as ServiceId, waitsFor: 'ünïcode \u0000 and "quotes"' },
];

function aRecord(changes: Partial<LogRecord> = {}): Omit<LogRecord, "sequence"> {
  return {
    incarnation: { generation: 1, id: "first" },
    epoch: 2,
    writer: "planner-1",
    nonce: "n-1",
    atMs: 1_700_000_000_000,
    actor: "operator:ana" as Actor,
    command: { kind: "abort-shift", shift: "s1", reason: "why not" },
    events: EVENTS,
    ...changes,
  };
}

function written(changes: MessageInitShape<typeof LogRecordSchema>): Uint8Array {
  const init: MessageInitShape<typeof LogRecordSchema> = {
    incarnation: { generation: 1n, id: "first" },
    epoch: 1n,
    writer: "planner-1",
    nonce: "n",
    actor: "planner",
    events: [{ kind: "cluster-accepted", body: json({ cluster: "eu-west" }) }],
  };
  return toBinary(LogRecordSchema, create(LogRecordSchema, { ...init, ...changes } as typeof init));
}

function json(value: unknown): { case: "json"; value: Uint8Array } {
  return { case: "json", value: new TextEncoder().encode(JSON.stringify(value)) };
}

describe("a record", () => {
  it("of what was learned is read back, and so is one from before anything was", () => {
    const [service, key, other] = ["a/b" as ServiceId, "east/v1", "west" as ClusterId];
    const capacity = { rps: 830.5, claimedRps: 1_000, readyEndpoints: 10, loadRps: 620, utilisation: 0.75, rounds: 3 };
    const work = { meanWorkMs: 12.5, squaredVariation: 2 };
    const learned = { anchorRps: 1_000, provenRps: 620, capacity, work, doubt: { times: 1, untilMs: 9 } };
    const old = { demandRps: { [service]: { [other]: 5 } }, reported: {} };
    const events: FleetEvent[] = [
      { kind: "measured", measured: old },
      {
        kind: "measured",
        measured: { ...old, learned: { [service]: { [key]: learned } }, rttMs: { [other]: { [other]: 3 } } },
      },
    ];
    const record = aRecord({ events });
    expect(port.decodeRecord({ sequence: 7, bytes: port.encodeRecord(record) })).toEqual({
      ok: true,
      value: { sequence: 7, ...record },
    });
  });

  it("comes back as it was written", () => {
    fc.assert(
      fc.property(sequence, sequence, fc.array(fc.constantFrom(...EVENTS), { minLength: 1 }), (epoch, at, events) => {
        const record = aRecord({ epoch, atMs: at, events });
        expect(port.decodeRecord({ sequence: 7, bytes: port.encodeRecord(record) })).toEqual({
          ok: true,
          value: { sequence: 7, ...record },
        });
      }),
    );
  });

  it("carries route sets as their own bytes, under their own hashes, and not a second time in its command", () => {
    fc.assert(
      fc.property(routeSet, (value) => {
        const { hash, bytes } = port.encodeRouteSet(value);
        const command = { kind: "store-route-sets", routeSets: { [hash]: value } };
        const record = aRecord({ command, events: [{ kind: "route-sets-stored", routeSets: { [hash]: value } }] });
        const encoded = port.encodeRecord(record);
        expect(Buffer.from(encoded).includes(Buffer.from(bytes))).toBe(true);
        expect(port.decodeRecord({ sequence: 1, bytes: encoded })).toEqual({
          ok: true,
          value: { sequence: 1, ...record, command: undefined },
        });
      }),
    );
  });

  it("is the same bytes whatever the order in which its fields were made", () => {
    const command = { kind: "abort-shift", shift: "s1" as ShiftId, reason: "why", skipped: undefined };
    const turned = Object.fromEntries(Object.entries(command).toReversed());
    expect(port.encodeRecord(aRecord({ command: turned }))).toEqual(port.encodeRecord(aRecord({ command })));
  });

  it("knows every kind of event of the model", () => {
    const refused = EVENT_KINDS.filter((kind) => {
      const read = port.decodeRecord({ sequence: 1, bytes: written({ events: [{ kind, body: json({}) }] }) });
      return !read.ok && read.refusal.message.includes("does not know");
    });
    expect(refused).toEqual([]);
  });

  it.each<[string, Uint8Array]>([
    ["no bytes", new Uint8Array()],
    ["random bytes", Uint8Array.from([255, 3, 7, 1])],
    ["text", new TextEncoder().encode("hello")],
    ["an event of an unknown kind", written({ events: [{ kind: "moon-landed", body: json({}) }] })],
    ["an event kind that every object has", written({ events: [{ kind: "constructor", body: json({}) }] })],
    ["an event without its fields", written({ events: [{ kind: "cluster-accepted", body: json({}) }] })],
    ["an event that is a list", written({ events: [{ kind: "cluster-accepted", body: json([]) }] })],
    ["an event without body", written({ events: [{ kind: "cluster-accepted" }] })],
    ["route sets as JSON", written({ events: [{ kind: "route-sets-stored", body: json({}) }] })],
    [
      "a route set that is none",
      written({
        events: [
          { kind: "route-sets-stored", body: { case: "routeSets", value: { routeSets: [new Uint8Array([1])] } } },
        ],
      }),
    ],
    ["no events", written({ events: [] })],
    ["no nonce", written({ nonce: "" })],
    ["no writer", written({ writer: "" })],
    [
      "no incarnation",
      toBinary(LogRecordSchema, create(LogRecordSchema, { epoch: 1n, writer: "w", nonce: "n", actor: "a" })),
    ],
    ["an epoch that no double holds", written({ epoch: 2n ** 53n })],
    ["a command that is no object", written({ commandJson: new TextEncoder().encode("[1]") })],
  ])("is refused STORE_CORRUPT with its sequence: %s", (_, bytes) => {
    const read = port.decodeRecord({ sequence: 42, bytes });
    expect(read).toMatchObject({ ok: false, refusal: { code: "STORE_CORRUPT", field: "log[42]" } });
  });

  it("never takes a cut record for a whole one with the same events", () => {
    const bytes = port.encodeRecord(aRecord());
    for (let length = 0; length < bytes.length; length += 1) {
      const read = port.decodeRecord({ sequence: 1, bytes: bytes.subarray(0, length) });
      expect(read.ok && read.value.events.length === EVENTS.length).toBe(false);
    }
  });
});

describe("a snapshot", () => {
  const fleet: FleetState = {
    ...EMPTY_FLEET,
    incarnation: { generation: 2, id: "x" },
    sequence: 99,
    revisions: new Map([
      ["us-east" as ClusterId, 5],
      ["eu-west" as ClusterId, 7],
    ]),
    answered: [{ requestId: "r", digest: "d", sequence: 4, subject: "s" }],
  };

  it("gives back the state with its maps", () => {
    fc.assert(
      fc.property(routeSet, (value) => {
        const state = { ...fleet, routeSets: ShardedMap.copyOf(new Map([[port.encodeRouteSet(value).hash, value]])) };
        expect(port.decodeSnapshot(port.encodeSnapshot(state))).toEqual({ ok: true, value: state });
      }),
    );
  });

  it("is the same bytes whatever the order of its maps", () => {
    const turned = { ...fleet, revisions: new Map([...fleet.revisions].toReversed()) };
    expect(port.encodeSnapshot(turned)).toEqual(port.encodeSnapshot(fleet));
  });

  it("is the same bytes in one go and in steps, of which a large fleet has many", () => {
    const names = Array.from({ length: 9_000 }, (_, index) => `c${(index * 7_919) % 9_000}` as ClusterId);
    const large = { ...fleet, revisions: new Map(names.map((name, index) => [name, index])) };
    const steps = port.encodeSnapshotInSteps(large);
    let [count, step] = [1, steps.next()];
    for (; step.done !== true; count += 1) step = steps.next();
    expect(step.value).toEqual(port.encodeSnapshot(large));
    expect(count).toBeGreaterThan(5);
    const lines = new TextDecoder()
      .decode(step.value)
      .split("\n")
      .filter((line) => line.startsWith('["revisions"'));
    expect(lines).toHaveLength(9_000);
    const order = lines.map((line) => (JSON.parse(line) as [string, string])[1]);
    expect(order).toEqual(order.toSorted(compareNames));
  });

  it("is refused when it was cut or changed anywhere", () => {
    const bytes = port.encodeSnapshot(fleet);
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Uint8Array.from(bytes, (byte, at) => (at === index ? byte ^ 1 : byte));
      expect(port.decodeSnapshot(changed)).toMatchObject({ ok: false, refusal: { code: "STORE_CORRUPT" } });
      expect(port.decodeSnapshot(bytes.subarray(0, index))).toMatchObject({ ok: false });
    }
  });

  it("that is older than policies, curves and prices folds to declarations that bind nobody", () => {
    const spec = { service: "shop/checkout", deployments: [{ cluster: "us-east", version: "v1" }], demandRps: {} };
    const old = { spec, resourceVersion: 1, pins: {}, demandRps: {}, reported: {}, released: {} };
    const state = { ...fleet, services: new Map([["shop/checkout", old]]) } as unknown as FleetState;
    const read = port.decodeSnapshot(port.encodeSnapshot(state));
    expect(read).toEqual({ ok: true, value: state });
    const service = read.ok ? read.value.services.get("shop/checkout" as ServiceId) : undefined;
    expect(service && policyOf(service.spec)).toEqual(OPEN_POLICY);
  });

  it("of another format is refused by its number", () => {
    const text = new TextDecoder().decode(port.encodeSnapshot(fleet)).replace("weir-snapshot 1", "weir-snapshot 2");
    const read = port.decodeSnapshot(new TextEncoder().encode(text));
    expect(read).toMatchObject({ refusal: { message: expect.stringContaining("format 2") as string } });
  });
});
