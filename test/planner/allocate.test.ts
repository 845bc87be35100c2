import { describe, expect, it } from "vitest";
import type { DestinationKey } from "../../src/model/destination.ts";
import { keyOf } from "../../src/model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../../src/model/ids.ts";
import { waterfall } from "../../src/planner/allocate.ts";
import type { Problem } from "../../src/planner/allocate.ts";
import type { Offer } from "../../src/planner/eligible.ts";
import { destination } from "./planning-fleet.ts";

function anOffer(key: string, capacityRps: number): Offer {
  const place = destination(key);
  const standing = { ceilingWeight: 10_000 };
  const unbound = { isDraining: false, isStandby: false, ...standing, standing };
  return { destination: place, key: keyOf(place), ...unbound, capacityRps, rttMs: 0, egressDollarsPerGb: 0 };
}

describe("what finds no room", () => {
  it("is placed whole, be it as little as the noise of arithmetic", () => {
    // Home fills up to 1.5e-7 basis points less than everything, and what others pinned keeps the rest of the world full.
    const whole = 100 * (1 - 1.5e-11);
    const home = anOffer("us-east/v1", (2 * whole) / (2_100 - whole));
    const abroad = [anOffer("eu-west/v1", 1), anOffer("sa-east/v1", 1)];
    const kept = new Map([
      ["eu-west/v1" as DestinationKey, 5_000],
      ["sa-east/v1" as DestinationKey, 5_000],
    ]);
    const [east, west] = ["us-east" as ClusterId, "eu-west" as ClusterId];
    const problem: Problem = {
      service: "shop/checkout" as ServiceId,
      stableVersion: "v1" as Version,
      sources: [
        { cluster: east, demandRps: 100, offers: [home, ...abroad], kept: new Map() },
        { cluster: west, demandRps: 2_000, offers: abroad, kept },
      ],
      flows: [{ source: east, version: "v1" as Version, weight: 10_000 }],
      utilisationMax: 1,
    };
    const { placements } = waterfall.allocate(problem);
    expect(placements.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(10_000, 6);
    expect(placements[0]).toMatchObject({ destination: { cluster: "us-east" }, manner: "local" });
  });
});
