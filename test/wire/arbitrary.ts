import * as fc from "fast-check";
import { compareDestinations, keyOf, WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { Destination, Split } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import type { Position } from "../../src/model/position.ts";
import type { RouteSet } from "../../src/model/plan.ts";

/** DNS-1123 labels, short ones more often. */
export const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);

/** `namespace/name`. */
export const serviceId = fc.tuple(label, label).map(([namespace, name]) => `${namespace}/${name}` as ServiceId);

/** Sequences, revisions and epochs over their whole range. */
export const sequence = fc.oneof(fc.nat(), fc.constant(0), fc.constant(Number.MAX_SAFE_INTEGER), fc.maxSafeNat());

/** Positions over their whole range. */
export const position: fc.Arbitrary<Position> = fc.record({
  incarnation: fc.record({ generation: sequence, id: label }),
  epoch: sequence,
  revision: sequence,
});

const destination: fc.Arbitrary<Destination> = fc.record({
  cluster: label.map((name) => name as ClusterId),
  version: label.map((name) => name as Version),
});

const destinations = fc.uniqueArray(destination, { minLength: 1, maxLength: 6, selector: keyOf });

function splitOver(all: readonly Destination[]): fc.Arbitrary<Split> {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: WEIGHT_TOTAL - 1 }), {
    minLength: all.length - 1,
    maxLength: all.length - 1,
  });
  return cuts.map((points) => {
    const edges = [0, ...points.toSorted((a, b) => a - b), WEIGHT_TOTAL];
    const weighted = all.map((found, index) => ({
      destination: found,
      weight: (edges[index + 1] ?? 0) - (edges[index] ?? 0),
    }));
    return weighted.toSorted((a, b) => compareDestinations(a.destination, b.destination));
  });
}

/** Splits whose weights sum to 10 000, sorted. */
export const split: fc.Arbitrary<Split> = destinations.chain(splitOver);

const gateway = fc.record({ address: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }) });

/** Valid route sets in canonical order. */
export const routeSet: fc.Arbitrary<RouteSet> = destinations
  .chain((all) =>
    fc.record({ all: fc.constant(all), main: splitOver(all), special: splitOver(all), lost: splitOver(all) }),
  )
  .chain(({ all, main, special, lost }) => {
    const routes = (weights: Split) => weights.map((entry, index) => ({ ...entry, fallback: index === 0 ? lost : [] }));
    return fc.record({
      service: serviceId,
      cluster: label.map((name) => name as ClusterId),
      protocol: fc.constantFrom("http" as const, "grpc" as const),
      port: fc.integer({ min: 1, max: 65_535 }),
      rules: fc.constantFrom(
        [],
        [{ match: { headers: {} }, routes: routes(main) }],
        [
          { match: { headers: { "x-group": "beta", cookie: "a" } }, routes: routes(special) },
          { match: { headers: {} }, routes: routes(main) },
        ],
      ),
      reaches: fc
        .constant(all.toSorted(compareDestinations))
        .chain((sorted) =>
          fc.tuple(
            ...sorted.map((found) =>
              fc.record(
                { destination: fc.constant(found), gateway, rttMs: fc.double({ min: 0, max: 1e4, noNaN: true }) },
                { requiredKeys: ["destination", "rttMs"] },
              ),
            ),
          ),
        ),
      serves: fc.uniqueArray(
        label.map((name) => name as Version),
        { maxLength: 3 },
      ),
      request: fc.record({
        connectTimeoutMs: fc.integer({ min: 1, max: 1e6 }),
        perTryTimeoutMs: fc.integer({ min: 1, max: 1e6 }),
        requestTimeoutMs: fc.integer({ min: 1, max: 1e6 }),
        retries: fc.integer({ min: 0, max: 10 }),
        retryScope: fc.constantFrom("idempotent-methods" as const, "all" as const, "none" as const),
      }),
    });
  });
