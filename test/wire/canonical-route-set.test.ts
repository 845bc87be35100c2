import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RouteSetSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import { readCanonicalRouteSet } from "../../src/wire/canonical-route-set.ts";
import { encodeRouteSet, fromRouteSet, toRouteSet } from "../../src/wire/route-set.ts";
import { routeSet } from "./arbitrary.ts";

/** What the general reader makes of bytes; undefined when it refuses them. */
function readGenerally(bytes: Uint8Array) {
  try {
    const read = fromRouteSet(fromBinary(RouteSetSchema, bytes));
    return read.ok ? read.value : undefined;
  } catch {
    // Bytes that are no message are refused as well.
    return undefined;
  }
}

const plain = routeSet.filter(({ rules }) => rules.length < 2);

/** A bit of a byte, whose place is a share of the length. */
const flip = fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), bit: fc.nat(7) });

describe("the reader of canonical route sets", () => {
  it("reads every route set whose rules ask for no headers, as the general reader does", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const { bytes } = encodeRouteSet(value);
        expect(readCanonicalRouteSet(bytes)).toEqual(value);
        expect(readGenerally(bytes)).toEqual(value);
      }),
    );
  });

  it("gives route sets that name the same destination one value for it", () => {
    // Of several, two may come to one slot of the table.
    const single = plain.filter(({ reaches }) => reaches.length === 1);
    fc.assert(
      fc.property(single, (value) => {
        const { bytes } = encodeRouteSet(value);
        const [first, second] = [readCanonicalRouteSet(bytes), readCanonicalRouteSet(bytes)];
        expect(first).toEqual(value);
        expect(second?.reaches[0]?.destination).toBe(first?.reaches[0]?.destination);
      }),
      { numRuns: 20 },
    );
  });

  it("leaves rules with headers to the general reader", () => {
    fc.assert(
      fc.property(
        routeSet.filter(({ rules }) => rules.length > 1),
        (value) => {
          expect(readCanonicalRouteSet(encodeRouteSet(value).bytes)).toBeUndefined();
        },
      ),
    );
  });

  it("takes nothing that the general reader refuses or reads otherwise, whatever bits are changed", () => {
    let taken = 0;
    fc.assert(
      fc.property(plain, fc.array(flip, { minLength: 1, maxLength: 2 }), (value, flips) => {
        const bytes = encodeRouteSet(value).bytes.slice();
        for (const { at, bit } of flips) {
          const index = Math.floor(at * bytes.length);
          bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        }
        const read = readCanonicalRouteSet(bytes);
        if (read === undefined) return;
        taken += 1;
        expect(readGenerally(bytes)).toEqual(read);
      }),
      { numRuns: 3_000 },
    );
    // A changed number or letter often leaves a sound route set: the comparison was made.
    expect(taken).toBeGreaterThan(50);
  });

  it("takes nothing that was cut short or goes on", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const { bytes } = encodeRouteSet(value);
        for (let length = 0; length < bytes.length; length += 1) {
          const cut = bytes.subarray(0, length);
          const read = readCanonicalRouteSet(cut);
          expect([undefined, readGenerally(cut)]).toContainEqual(read);
        }
        expect(readCanonicalRouteSet(Uint8Array.of(...bytes, 0))).toBeUndefined();
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["an unknown field", [0x4a, 0x00]],
    ["a field that is there again", [0x18, 0x01]],
    ["a number that does not end", [0x20, 0x80]],
    ["a number of more than 28 bits", [0x20, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a message longer than the bytes", [0x42, 0x7f]],
  ])("leaves %s to the general reader", (_, more) => {
    const { bytes } = encodeRouteSet(A_ROUTE_SET);
    expect(readCanonicalRouteSet(bytes)).toEqual(A_ROUTE_SET);
    expect(readCanonicalRouteSet(Uint8Array.of(...bytes, ...more))).toBeUndefined();
  });

  it.each([
    ["weights that do not sum to 10 000", { weight: 9_999 }],
    ["a port that is none", { port: 65_536 }],
    ["a name that is none", { service: "checkout" }],
    ["a protocol that is unknown", { protocol: 7 }],
    ["a destination that nobody says how to reach", { reached: "us-east" }],
    ["a version served twice", { serves: ["v1", "v1"] }],
    ["more retries than are allowed", { retries: 11 }],
    ["a round trip that is no number", { rttMs: Number.NaN }],
    ["a round trip below 0", { rttMs: -1 }],
  ])("does not take %s", (_, wrong) => {
    const { bytes } = wrongRouteSet(wrong);
    expect(readCanonicalRouteSet(bytes)).toBeUndefined();
    expect(readGenerally(bytes)).toBeUndefined();
  });

  it("reads -0 as 0, and a missing request policy as the default", () => {
    const { bytes } = wrongRouteSet({ rttMs: -0 });
    const read = readCanonicalRouteSet(bytes);
    expect(read?.reaches.map(({ rttMs }) => Object.is(rttMs, 0))).toEqual([true]);
    const { request: _request, ...rest } = toRouteSet(A_ROUTE_SET);
    const without = toBinary(RouteSetSchema, create(RouteSetSchema, rest));
    expect(readCanonicalRouteSet(without)).toEqual(readGenerally(without));
  });
});

const [A_ROUTE_SET] = [
  readOf({
    service: "shop/checkout",
    cluster: "us-east",
    protocol: 1,
    port: 8_080,
    rules: [{ match: {}, routes: [{ destination: { cluster: "eu-west", version: "v1" }, weight: 10_000 }] }],
    reaches: [{ destination: { cluster: "eu-west", version: "v1" }, gateway: { address: "10.0.0.1", port: 443 } }],
    serves: ["v1"],
    request: { connectTimeoutMs: 250, perTryTimeoutMs: 1_000, requestTimeoutMs: 15_000, retries: 3, retryScope: 1 },
  }),
];

function readOf(init: Parameters<typeof create<typeof RouteSetSchema>>[1]) {
  const read = fromRouteSet(create(RouteSetSchema, init));
  if (!read.ok) throw new Error(read.refusal.message);
  return read.value;
}

interface Wrong {
  readonly weight?: number;
  readonly port?: number;
  readonly service?: string;
  readonly protocol?: number;
  readonly reached?: string;
  readonly serves?: string[];
  readonly retries?: number;
  readonly rttMs?: number;
}

/** The route set above with something wrong, in canonical form. */
function wrongRouteSet({ weight = 10_000, reached = "eu-west", rttMs = 0, retries = 3, ...wrong }: Wrong) {
  const sound = toRouteSet(A_ROUTE_SET);
  const init = {
    ...sound,
    ...wrong,
    rules: [{ match: {}, routes: [{ destination: { cluster: "eu-west", version: "v1" }, weight }] }],
    reaches: [{ destination: { cluster: reached, version: "v1" }, gateway: { address: "10.0.0.1", port: 443 }, rttMs }],
    request: { ...sound.request, retries },
  };
  return { bytes: toBinary(RouteSetSchema, create(RouteSetSchema, init as typeof sound)) };
}
