import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { effectiveSplit, shareOf, totalOf } from "../../../agents/core/effective.ts";
import { WEIGHT_TOTAL } from "../../../src/model/destination.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { aRouteSet, split } from "../plans.ts";

const EU = "eu-west" as ClusterId;

/** How a route set's requests divide while `lost` is lost. */
function effective(wish: Parameters<typeof aRouteSet>[0], lost?: ClusterId) {
  const [rule] = aRouteSet(wish).rules;
  return effectiveSplit(rule ?? { routes: [] }, lost);
}

describe("effectiveSplit", () => {
  const weights = { "ap-south/v1": 1_000, "eu-west/v1": 5_000, "us-east/v1": 4_000 };

  it("is the plan's own split while nothing is lost", () => {
    expect(effective({ weights })).toEqual(split(weights));
  });

  it("divides the lost share by its own fallback and adds it to what is there", () => {
    const fallbacks = { "eu-west/v1": { "ap-south/v1": 3_000, "us-east/v1": 7_000 } };
    expect(effective({ weights, fallbacks }, EU)).toEqual(split({ "ap-south/v1": 2_500, "us-east/v1": 7_500 }));
  });

  it("names a destination that only the fallback knows", () => {
    const all = { "eu-west/v1": 10_000 };
    const fallbacks = { "eu-west/v1": { "ap-south/v2": 10_000 } };
    expect(effective({ weights: all, fallbacks }, EU)).toEqual(split({ "ap-south/v2": 10_000 }));
  });

  it("leaves a share where it is when there is nowhere to go", () => {
    expect(effective({ weights }, EU)).toEqual(split(weights));
    const itself = { "eu-west/v1": { "eu-west/v2": 10_000 } };
    expect(effective({ weights, fallbacks: itself }, EU)).toEqual(split(weights));
  });

  it("loses and invents no request, whatever the weights", () => {
    const weight = fc.integer({ min: 1, max: 5_000 });
    fc.assert(
      fc.property(fc.tuple(weight, weight), fc.tuple(weight, weight), ([eu, ap], [toAp, toUs]) => {
        const wish = {
          weights: { "ap-south/v1": ap, "eu-west/v1": eu, "us-east/v1": WEIGHT_TOTAL - eu - ap },
          fallbacks: { "eu-west/v1": { "ap-south/v1": toAp, "us-east/v1": toUs } },
        };
        const divided = effective(wish, EU);
        expect(totalOf(divided)).toBe(WEIGHT_TOTAL);
        expect(shareOf(divided, EU)).toBe(0);
        const moved = shareOf(divided, "ap-south" as ClusterId) - ap;
        expect(Math.abs(moved - (eu * toAp) / (toAp + toUs))).toBeLessThan(1);
      }),
    );
  });
});
