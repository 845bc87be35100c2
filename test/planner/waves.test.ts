import { describe, expect, it } from "vitest";
import {
  applied,
  aShift,
  changeCluster,
  changeService,
  CHECKOUT,
  LOCAL,
  planOf,
  serviceOf,
  threeClusters,
  withShifts,
} from "./planning-fleet.ts";

describe("waves", () => {
  it("tells one sender first and the rest later when an operator moves several", () => {
    const sources = ["us-east", "ap-south"];
    const pins = { "us-east": { "eu-west/v1": 10_000 }, "ap-south": { "eu-west/v1": 10_000 } };
    const state = withShifts(threeClusters({ released: LOCAL, pins }, {}, {}, { demandRps: 20 }), aShift(sources));
    expect(planOf(state).waves).toEqual([["ap-south", "eu-west"], ["us-east"]]);
  });

  it("begins with the sender that moves the fewest requests, not with the smallest", () => {
    // us-east moves 5 % of 100 rps, ap-south 25 % of 40.
    const pins = { "us-east": { "eu-west/v1": 500, "us-east/v1": 9_500 }, "ap-south": { "eu-west/v1": 10_000 } };
    const fleet = threeClusters({ released: LOCAL, pins }, {}, {}, { demandRps: 40 });
    expect(planOf(withShifts(fleet, aShift(["us-east", "ap-south"]))).waves).toEqual([
      ["eu-west", "us-east"],
      ["ap-south"],
    ]);
  });

  it("lets nobody wait in an emergency, not even for a new receiver", () => {
    const released = { "us-east": { "us-east/v1": 5_000, "ap-south/v1": 5_000 } };
    const state = changeCluster(threeClusters({ released }), "ap-south", { verdict: "dead" });
    expect(planOf(state)).toMatchObject({ urgency: "emergency", waves: [["ap-south", "eu-west", "us-east"]] });
  });

  it("tells one cluster first of other ways to treat requests", () => {
    const before = applied(threeClusters(), planOf(threeClusters()));
    const { spec } = serviceOf(before);
    const request = { ...spec.request, retries: 0 };
    const state = changeService(before, { spec: { ...spec, request }, inputsCause: "operator" });
    expect(planOf(state).waves).toEqual([["ap-south"], ["eu-west", "us-east"]]);
  });

  it("tells receivers first when a change makes them serve something new", () => {
    const before = applied(threeClusters(), planOf(threeClusters()));
    const spec = threeClusters({}, {}, { versions: { v1: 400, v2: 100 } }).services.get(CHECKOUT)?.spec;
    const state = changeService(before, { ...(spec && { spec }) });
    expect(planOf(state).waves).toEqual([["eu-west"], ["ap-south", "us-east"]]);
  });

  it("has one wave when nobody has to wait for anybody", () => {
    const before = applied(threeClusters(), planOf(threeClusters()));
    expect(planOf(before).waves).toEqual([["ap-south", "eu-west", "us-east"]]);
  });
});
