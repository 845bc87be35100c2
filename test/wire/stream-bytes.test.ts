import { create, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  DeltaBase,
  FallbackOutcome,
} from "../../proto/gen/weir/v1/agent_pb.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import type { Position } from "../../src/model/position.ts";
import { toAcknowledgement } from "../../src/wire/link.ts";
import { toPosition } from "../../src/wire/position.ts";
import { acknowledgementBytes, planBytes } from "../../src/wire/stream-bytes.ts";

/** Every length of a varint occurs. */
const sequence = fc.tuple(fc.maxSafeNat(), fc.integer({ min: 0, max: 53 })).map(([value, bits]) => value % 2 ** bits);
const position: fc.Arbitrary<Position> = fc.record({
  incarnation: fc.record({ generation: sequence, id: fc.string({ unit: "grapheme", maxLength: 128 }) }),
  epoch: sequence,
  revision: sequence,
});
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const base = fc.constantFrom("held" as const, "nothing" as const);
const BASES = { held: DeltaBase.HELD, nothing: DeltaBase.NOTHING };

describe("the bytes of a plan's delta", () => {
  const delta = fc.record({
    position,
    base,
    routeSets: fc.oneof(fc.array(bytes(300), { maxLength: 5 }), fc.array(bytes(20_000), { maxLength: 3 })),
    digest: bytes(40),
  });

  it("are those of the general serialiser", () => {
    fc.assert(
      fc.property(delta, (value) => {
        const plan = { ...value, position: toPosition(value.position), base: BASES[value.base] };
        const message = create(ConnectResponseSchema, { message: { case: "plan", value: plan } });
        expect(planBytes(value, {}).bytes).toEqual(Buffer.from(toBinary(ConnectResponseSchema, message)));
      }),
    );
  });

  it("are those of the general serialiser with services that go and with rulings", () => {
    fc.assert(
      fc.property(delta, fc.array(fc.string(), { minLength: 1 }), (value, removed) => {
        const fallbackRulings = [{ lostCluster: "eu-west", outcome: FallbackOutcome.REVERSED }];
        const plan = { ...value, position: toPosition(value.position), base: BASES[value.base] };
        for (const rest of [{ removed }, { fallbackRulings }, { removed, fallbackRulings }]) {
          const message = create(ConnectResponseSchema, { message: { case: "plan", value: { ...plan, ...rest } } });
          expect(planBytes(value, rest).bytes).toEqual(Buffer.from(toBinary(ConnectResponseSchema, message)));
        }
      }),
      { numRuns: 20 },
    );
  });

  it("hold no sequence that no position has", () => {
    const at = { incarnation: { generation: 1, id: "a" }, epoch: 1, revision: 2 ** 53 };
    const plan = { position: at, base: "held", routeSets: [], digest: new Uint8Array(32) } as const;
    expect(() => planBytes(plan, {})).toThrow("a sequence is an integer");
  });
});

describe("the bytes of an acknowledgement", () => {
  const refusal = { service: "shop/checkout" as ServiceId, hash: "ab".repeat(32), code: "MESH_REJECTED", detail: "no" };

  it("are those of the general serialiser, with refusals and without", () => {
    fc.assert(
      fc.property(position, bytes(40), fc.constantFrom([], [refusal]), (at, digest, refusals) => {
        const said = { position: at, digest, refusals };
        const message = create(ConnectRequestSchema, {
          message: { case: "acknowledgement", value: toAcknowledgement(said) },
        });
        expect(acknowledgementBytes(said).bytes).toEqual(Buffer.from(toBinary(ConnectRequestSchema, message)));
      }),
    );
  });
});
