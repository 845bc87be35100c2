import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RouteSetSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import { planDigest, sameBytes } from "../../src/wire/digest.ts";
import {
  ROUTES_MAX,
  ROUTE_SET_BYTES_MAX,
  checkRouteSetHash,
  decodeRouteSet,
  encodeRouteSet,
  hashOfRouteSet,
} from "../../src/wire/route-set.ts";
import { sha256 } from "../../src/wire/sha256.ts";
import { routeSet } from "./arbitrary.ts";

type Init = MessageInitShape<typeof RouteSetSchema>;

const EAST = { cluster: "us-east", version: "v1" };
const WEST = { cluster: "eu-west", version: "v1" };

function aRouteSet(changes: Init = {}): Init {
  return {
    service: "shop/checkout",
    cluster: "us-east",
    protocol: 1,
    port: 8080,
    rules: [{ match: {}, routes: [{ destination: EAST, weight: 10_000 }] }],
    reaches: [{ destination: EAST }, { destination: WEST, gateway: { address: "10.0.0.1", port: 443 }, rttMs: 80 }],
    serves: ["v1"],
    ...changes,
  };
}

function bytesOf(init: Init): Uint8Array {
  return toBinary(RouteSetSchema, create(RouteSetSchema, init));
}

function routed(weights: readonly number[]): Init {
  const places = [EAST, WEST];
  return aRouteSet({
    rules: [{ routes: weights.map((weight, index) => ({ destination: places[index] ?? EAST, weight })) }],
  });
}

describe("a route set's bytes", () => {
  it("give back the same route set", () => {
    fc.assert(
      fc.property(routeSet, (value) => {
        expect(decodeRouteSet(encodeRouteSet(value).bytes)).toEqual({ ok: true, value });
      }),
    );
  });

  it("are the same whatever the order in which splits and headers were written", () => {
    fc.assert(
      fc.property(routeSet, (value) => {
        const shuffled = {
          ...value,
          reaches: value.reaches.toReversed(),
          rules: value.rules.map(({ match, routes }) => ({
            match: { headers: Object.fromEntries(Object.entries(match.headers).toReversed()) },
            routes: routes.toReversed().map((route) => ({ ...route, fallback: route.fallback.toReversed() })),
          })),
        };
        expect(encodeRouteSet(shuffled)).toEqual(encodeRouteSet(value));
      }),
    );
  });

  it("have a hash that no cut or changed copy shares", () => {
    const bytes = bytesOf(aRouteSet());
    const hash = hashOfRouteSet(bytes);
    expect(checkRouteSetHash(bytes, hash)).toEqual({ ok: true, value: hash });
    for (let length = 0; length < bytes.length; length += 1) {
      expect(checkRouteSetHash(bytes.subarray(0, length), hash)).toMatchObject({ refusal: { code: "HASH_MISMATCH" } });
    }
    expect(checkRouteSetHash(bytes, "")).toMatchObject({ refusal: { code: "HASH_MISMATCH" } });
  });

  it("never throw, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof decodeRouteSet(bytes).ok).toBe("boolean");
      }),
    );
  });
});

describe("decodeRouteSet", () => {
  it("takes what is left out for its default", () => {
    expect(decodeRouteSet(bytesOf(aRouteSet()))).toMatchObject({
      ok: true,
      value: { request: { connectTimeoutMs: 250, retries: 3, retryScope: "idempotent-methods" } },
    });
  });

  it.each<[string, Init, string, string]>([
    ["weights of 9,999", routed([5_000, 4_999]), "WEIGHTS_SUM", "rules[0].routes"],
    ["weights of 10,001", routed([5_000, 5_001]), "WEIGHTS_SUM", "rules[0].routes"],
    ["a weight of 0", routed([10_000, 0]), "WEIGHT_TYPE", "rules[0].routes[1].weight"],
    ["a weight above the total", routed([10_001]), "WEIGHT_TYPE", "rules[0].routes[0].weight"],
    ["a rule without routes", routed([]), "NO_SERVING_TARGET", "rules[0].routes"],
    [
      "a destination named twice",
      aRouteSet({
        rules: [
          {
            routes: [
              { destination: EAST, weight: 5_000 },
              { destination: EAST, weight: 5_000 },
            ],
          },
        ],
      }),
      "DUPLICATE_KEY",
      "rules[0].routes",
    ],
    [
      "a fallback that sums to less",
      aRouteSet({
        rules: [{ routes: [{ destination: EAST, weight: 10_000, fallback: [{ destination: WEST, weight: 1 }] }] }],
      }),
      "WEIGHTS_SUM",
      "rules[0].routes[0].fallback",
    ],
    ["an unknown protocol", aRouteSet({ protocol: 99 as never }), "UNKNOWN_ENUM", "protocol"],
    ["no protocol", aRouteSet({ protocol: 0 }), "UNKNOWN_ENUM", "protocol"],
    [
      "an unknown retry scope",
      aRouteSet({ request: { retryScope: 99 as never } }),
      "UNKNOWN_ENUM",
      "request.retry_scope",
    ],
    ["eleven retries", aRouteSet({ request: { retries: 11 } }), "FIELD_INVALID", "request.retries"],
    ["port 0", aRouteSet({ port: 0 }), "FIELD_INVALID", "port"],
    ["port 65,536", aRouteSet({ port: 65_536 }), "FIELD_INVALID", "port"],
    ["a service without namespace", aRouteSet({ service: "checkout" }), "BAD_NAME", "service"],
    ["a version with a dot", aRouteSet({ serves: ["v1.2"] }), "BAD_NAME", "serves[0]"],
    [
      "a destination without names",
      aRouteSet({ rules: [{ routes: [{ weight: 10_000 }] }] }),
      "FIELD_REQUIRED",
      "rules[0].routes[0].destination",
    ],
    [
      "a round trip that is no number",
      aRouteSet({ reaches: [{ destination: EAST, rttMs: Number.NaN }] }),
      "FIELD_INVALID",
      "reaches[0].rtt_ms",
    ],
    [
      "a gateway with a line break",
      aRouteSet({ reaches: [{ destination: EAST, gateway: { address: "a\nb", port: 1 } }] }),
      "FIELD_INVALID",
      "reaches[0].gateway.address",
    ],
    ["a route to nowhere known", aRouteSet({ reaches: [{ destination: WEST }] }), "UNKNOWN_DESTINATION", "reaches"],
    [
      "a last rule with conditions",
      aRouteSet({ rules: [{ match: { headers: { a: "b" } }, routes: [{ destination: EAST, weight: 10_000 }] }] }),
      "SCHEMA_INVALID",
      "rules[0]",
    ],
    [
      "an upper-case header name",
      aRouteSet({ rules: [{ match: { headers: { "X-A": "b" } }, routes: [{ destination: EAST, weight: 10_000 }] }] }),
      "FIELD_INVALID",
      "rules[0].match.headers",
    ],
    [
      "a header value with a line break",
      aRouteSet({ rules: [{ match: { headers: { a: "b\r\nc" } }, routes: [{ destination: EAST, weight: 10_000 }] }] }),
      "FIELD_INVALID",
      "rules[0].match.headers[a]",
    ],
    [
      "more routes than any cluster needs",
      aRouteSet({ rules: Array.from({ length: ROUTES_MAX + 1 }, () => ({})) }),
      "SCHEMA_INVALID",
      "rules",
    ],
  ])("refuses %s", (_, init, code, field) => {
    expect(decodeRouteSet(bytesOf(init))).toMatchObject({ ok: false, refusal: { code, field } });
  });

  it("refuses more than a MiB before it looks inside", () => {
    const read = decodeRouteSet(new Uint8Array(ROUTE_SET_BYTES_MAX + 1));
    expect(read).toMatchObject({ ok: false, refusal: { code: "SCHEMA_INVALID" } });
  });

  it("says how many more problems there are", () => {
    const read = decodeRouteSet(bytesOf(aRouteSet({ port: 0, service: "X" })));
    expect(read).toMatchObject({
      refusal: { code: "BAD_NAME", message: expect.stringContaining("1 more problem") as string },
    });
  });
});

describe("planDigest", () => {
  it("is the SHA-256 over sorted lines", () => {
    const hashes = new Map([
      ["b/b" as ServiceId, "02"],
      ["a/a" as ServiceId, "01"],
    ]);
    expect(planDigest(hashes)).toEqual(sha256("a/a=01\nb/b=02\n"));
    expect(sameBytes(planDigest(hashes), planDigest(new Map([...hashes].toReversed())))).toBe(true);
    expect(sameBytes(planDigest(hashes), planDigest(new Map()))).toBe(false);
  });
});
