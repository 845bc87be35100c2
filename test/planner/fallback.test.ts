import { describe, expect, it } from "vitest";
import type { ClusterId } from "../../src/model/ids.ts";
import { aFleet, planOf, split, threeClusters, UNPACED } from "./planning-fleet.ts";

describe("fallbacks", () => {
  const fallback = (planning: ReturnType<typeof planOf>, source: string, key: string) =>
    planning.routeSets[source as ClusterId]?.rules[0]?.routes.find(
      ({ destination }) => `${destination.cluster}/${destination.version}` === key,
    )?.fallback;

  it("name the nearest with room, with everybody falling back at once", () => {
    // us-east lost: its 200 go to eu-west, which has 320 - 200 = 120 left, and the rest to ap-south.
    const state = threeClusters({}, { demandRps: 200 }, { demandRps: 200 });
    const planning = planOf(state);
    expect(fallback(planning, "us-east", "us-east/v1")).toEqual(split({ "ap-south/v1": 4_000, "eu-west/v1": 6_000 }));
  });

  it("fill everybody alike where 0.8 of all is not room enough", () => {
    // us-east lost: 300 + 300 + 100 of the 800 that are left is 0.875 of each: 50 more for either, though 0.9 may be filled.
    const state = threeClusters({}, { demandRps: 100 }, { demandRps: 300 }, { demandRps: 300 });
    const planning = planOf(state, { ...UNPACED, utilisationMax: 0.9 });
    expect(fallback(planning, "us-east", "us-east/v1")).toEqual(split({ "ap-south/v1": 5_000, "eu-west/v1": 5_000 }));
  });

  it("never name the lost cluster in another version, and take another version elsewhere only if they must", () => {
    const v2 = { versions: { v1: 400, v2: 400 } };
    const pins = { "us-east": { "us-east/v1": 5_000, "us-east/v2": 5_000 } };
    const planning = planOf(threeClusters({ pins }, v2));
    expect(fallback(planning, "us-east", "us-east/v2")).toEqual(split({ "eu-west/v1": 10_000 }));
    const withV2 = planOf(threeClusters({ pins }, v2, {}, v2));
    expect(fallback(withV2, "us-east", "us-east/v2")).toEqual(split({ "ap-south/v2": 10_000 }));
  });

  it("are empty where nobody else serves", () => {
    const planning = planOf(aFleet({ "us-east": { versions: { v1: 10 } } }));
    expect(fallback(planning, "us-east", "us-east/v1")).toEqual([]);
  });

  it("are reachable: every destination named has its gateway, the source's own none", () => {
    const reaches = planOf(threeClusters()).routeSets["us-east" as ClusterId]?.reaches;
    expect(reaches).toEqual([
      {
        destination: { cluster: "eu-west", version: "v1" },
        gateway: { address: "eu-west.example", port: 15_443 },
        rttMs: 80,
      },
      { destination: { cluster: "us-east", version: "v1" }, rttMs: 0 },
    ]);
  });
});
