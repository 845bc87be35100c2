import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  DeltaBase,
  FallbackOutcome,
} from "../../proto/gen/weir/v1/agent_pb.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import { readCanonicalAcknowledgement, readCanonicalDelta } from "../../src/wire/canonical-stream.ts";
import { fromAcknowledgement } from "../../src/wire/link.ts";
import type { AgentAcknowledgement } from "../../src/wire/link.ts";
import { fromPosition } from "../../src/wire/position.ts";
import { acknowledgementBytes, planBytes } from "../../src/wire/stream-bytes.ts";
import type { PlainDelta } from "../../src/wire/stream-bytes.ts";
import { position } from "./arbitrary.ts";

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const acknowledgement: fc.Arbitrary<AgentAcknowledgement> = fc.record({
  position,
  digest,
  refusals: fc.constant([]),
});
const delta: fc.Arbitrary<PlainDelta> = fc.record({
  position,
  base: fc.constantFrom("held" as const, "nothing" as const),
  routeSets: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
  digest,
});
const REFUSAL = { service: "shop/checkout" as ServiceId, hash: "ab".repeat(32), code: "MESH_REJECTED", detail: "no" };

/** What the general reader makes of bytes; undefined when they are no sound acknowledgement. */
function acknowledgementIn(bytes: Uint8Array): AgentAcknowledgement | undefined {
  const { message } = fromBinary(ConnectRequestSchema, bytes);
  if (message.case !== "acknowledgement") return undefined;
  const read = fromAcknowledgement(message.value);
  return read.ok ? read.value : undefined;
}

/** What the general reader makes of bytes; undefined when they are no sound delta. */
function deltaIn(bytes: Uint8Array): PlainDelta | undefined {
  const { message } = fromBinary(ConnectResponseSchema, bytes);
  if (message.case !== "plan" || message.value.position === undefined) return undefined;
  const at = fromPosition(message.value.position, "position");
  const { base, routeSets, digest: told, removed, fallbackRulings } = message.value;
  if (!at.ok || removed.length > 0 || fallbackRulings.length > 0 || told.length !== 32) return undefined;
  if (base !== DeltaBase.HELD && base !== DeltaBase.NOTHING) return undefined;
  return { position: at.value, base: base === DeltaBase.HELD ? "held" : "nothing", routeSets, digest: told };
}

const flip = fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), bit: fc.nat(7) });

/** Bytes with bits changed. */
function changed(bytes: Uint8Array, flips: readonly { readonly at: number; readonly bit: number }[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const { at, bit } of flips) {
    const index = Math.floor(at * copy.length);
    copy[index] = (copy[index] ?? 0) ^ (1 << bit);
  }
  return copy;
}

const flips = fc.array(flip, { minLength: 1, maxLength: 2 });

describe("the direct reader of acknowledgements", () => {
  it("reads every sound one without refusals, as the general reader does", () => {
    fc.assert(
      fc.property(acknowledgement, (value) => {
        const { bytes } = acknowledgementBytes(value);
        expect(readCanonicalAcknowledgement(bytes)).toEqual({ ...value, digest: Buffer.from(value.digest) });
        expect(acknowledgementIn(bytes)?.position).toEqual(value.position);
      }),
    );
  });

  it("leaves refusals, and other messages, to the general reader", () => {
    fc.assert(
      fc.property(acknowledgement, (value) => {
        expect(readCanonicalAcknowledgement(acknowledgementBytes({ ...value, refusals: [REFUSAL] }).bytes)).toBe(
          undefined,
        );
      }),
      { numRuns: 20 },
    );
    const resync = toBinary(
      ConnectRequestSchema,
      create(ConnectRequestSchema, { message: { case: "resync", value: {} } }),
    );
    expect(readCanonicalAcknowledgement(resync)).toBeUndefined();
    expect(readCanonicalAcknowledgement(new Uint8Array())).toBeUndefined();
  });

  it("takes nothing that the general reader refuses or reads otherwise, whatever bits are changed", () => {
    let taken = 0;
    fc.assert(
      fc.property(acknowledgement, flips, (value, where) => {
        const bytes = changed(acknowledgementBytes(value).bytes, where);
        const read = readCanonicalAcknowledgement(bytes);
        if (read === undefined) return;
        taken += 1;
        expect(acknowledgementIn(bytes)).toEqual(read);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(0);
  });

  it("takes no digest of another length and nothing that was cut short", () => {
    fc.assert(
      fc.property(acknowledgement, fc.uint8Array({ maxLength: 31 }), fc.nat(), (value, short, cut) => {
        const { bytes } = acknowledgementBytes(value);
        expect(readCanonicalAcknowledgement(acknowledgementBytes({ ...value, digest: short }).bytes)).toBeUndefined();
        expect(readCanonicalAcknowledgement(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
      }),
    );
  });

  it("takes no sequence above 2^53 - 1", () => {
    const message = (revision: bigint) => {
      const at = { incarnation: { generation: 1n, id: "a" }, epoch: 1n, revision };
      const value = { position: at, digest: new Uint8Array(32) };
      return toBinary(
        ConnectRequestSchema,
        create(ConnectRequestSchema, { message: { case: "acknowledgement", value } }),
      );
    };
    const largest = 2n ** 53n - 1n;
    expect(readCanonicalAcknowledgement(message(largest))?.position.revision).toBe(Number.MAX_SAFE_INTEGER);
    for (const above of [largest + 1n, largest + 2n, 2n ** 56n - 1n, 2n ** 56n, 2n ** 63n, 2n ** 64n - 1n])
      expect(readCanonicalAcknowledgement(message(above))).toBeUndefined();
  });
});

describe("the direct reader of deltas", () => {
  it("reads every sound one that only changes route sets, as the general reader does", () => {
    fc.assert(
      fc.property(delta, (value) => {
        const { bytes } = planBytes(value, {});
        expect(readCanonicalDelta(bytes)).toEqual(deltaIn(bytes));
        expect(readCanonicalDelta(bytes)?.position).toEqual(value.position);
        expect(readCanonicalDelta(bytes)?.routeSets.map((each) => Uint8Array.from(each))).toEqual(value.routeSets);
      }),
    );
  });

  it("leaves services that go, and rulings, to the general reader", () => {
    fc.assert(
      fc.property(delta, (value) => {
        const fallbackRulings = [{ lostCluster: "eu-west", outcome: FallbackOutcome.REVERSED }];
        for (const rest of [{ removed: ["shop/cart"] }, { fallbackRulings }])
          expect(readCanonicalDelta(planBytes(value, rest).bytes)).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it("takes nothing that the general reader refuses or reads otherwise, whatever bits are changed", () => {
    let taken = 0;
    fc.assert(
      fc.property(delta, flips, (value, where) => {
        const bytes = changed(planBytes(value, {}).bytes, where);
        const read = readCanonicalDelta(bytes);
        if (read === undefined) return;
        taken += 1;
        expect(deltaIn(bytes)).toEqual(read);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(0);
  });

  it("takes nothing that was cut short", () => {
    fc.assert(
      fc.property(delta, fc.nat(), (value, cut) => {
        const { bytes } = planBytes(value, {});
        expect(readCanonicalDelta(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
      }),
    );
  });
});
