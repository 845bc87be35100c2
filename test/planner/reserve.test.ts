import { describe, expect, it } from "vitest";
import type { DestinationKey } from "../../src/model/destination.ts";
import type { ServicePolicy } from "../../src/model/fleet-document.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { aFleet, applied, changeService, loads, planned, planOf, UNPACED } from "./planning-fleet.ts";
import type { ServiceOptions } from "./planning-fleet.ts";

/**
 * Each takes 100 * 0.8 = 80 rps. `near` is closest to `door`, whose 50 rps are at `cordoned` now and may stay there. When
 * `home` is lost, its 60 rps can only go to `near`: a cordoned cluster takes nobody new.
 */
function fleet(policy: ServiceOptions["policy"] = {}, nearRps = 100): FleetState {
  return aFleet(
    {
      cordoned: { versions: { v1: 100 }, state: { isCordoned: true } },
      door: { demandRps: 50, rttMs: { near: 5, cordoned: 50, home: 90 } },
      home: { demandRps: 60, versions: { v1: 100 }, rttMs: { near: 50, cordoned: 50 } },
      near: { versions: { v1: nearRps }, rttMs: { cordoned: 50 } },
    },
    {
      policy,
      released: {
        door: { "cordoned/v1": 10_000 },
        home: { "home/v1": 10_000 },
      },
    },
  );
}

const HOME = ["home" as ClusterId];
const NEAR = ["near" as ClusterId];

describe("room for losses that a policy names", () => {
  it("is used up while no policy asks for it", () => {
    expect(planned(planOf(fleet()), "door")).toEqual({ "near/v1": 10_000 });
  });

  it.each(["waterfall", "optimum"] as const)("is kept where what is lost can only go there, by %s", (allocation) => {
    const planning = planOf(fleet({ surviveLossOf: HOME }), { ...UNPACED, allocation });
    // 80 - 60 = 20 of 50 rps are left to `door`, and a thousandth of the missing 30 is left free for rounding: 19.97.
    expect(planned(planning, "door")).toEqual({ "cordoned/v1": 6_006, "near/v1": 3_994 });
    expect(loads(fleet(), planning.splits).get("near/v1" as DestinationKey)).toBeLessThanOrEqual(20);
  });

  it.each(["waterfall", "optimum"] as const)("is there to be used once the loss has come, by %s", (allocation) => {
    const settings = { ...UNPACED, allocation };
    const start = fleet({ surviveLossOf: HOME });
    const kept = applied(start, planOf(start, settings));
    const lost = changeService(kept, { reported: { ["home/v1" as DestinationKey]: { readyEndpoints: 0 } } });
    const planning = planOf(lost, settings);
    expect(planning.urgency).toBe("emergency");
    expect(planned(planning, "home")).toEqual({ "near/v1": 10_000 });
    // The 19.97 of `door`, and the 60 of `home`.
    const atNear = loads(lost, planning.splits).get("near/v1" as DestinationKey);
    expect(atNear).toBeCloseTo(79.97, 2);
  });

  it("is not kept for losses that it does not name", () => {
    expect(planned(planOf(fleet({ surviveLossOf: NEAR })), "door")).toEqual({ "near/v1": 10_000 });
  });
});

describe("reasons of a plan that is to survive losses", () => {
  const reserveReasons = (state: FleetState): readonly string[] =>
    planOf(state)
      .reasons.filter(({ kind }) => kind === "reserve")
      .map(({ cluster, destination, text }) => `${cluster} ${destination.cluster}: ${text}`);

  it("say what is kept free, and for whom", () => {
    expect(reserveReasons(fleet({ surviveLossOf: HOME }))).toEqual([
      "door near: it is filled to 19.97 rps of the 80 rps that it takes: 60.03 rps are kept free, because surviveLossOf asks that the loss of home be survived",
    ]);
  });

  it("say how much is missing where there is no room at all, and the plan is as without", () => {
    // Without `home` 60 rps are left for `near`, which takes 50 * 0.8 = 40, and `door` stays where it may.
    const small = fleet({ surviveLossOf: HOME }, 50);
    expect(planned(planOf(small), "door")).toEqual(planned(planOf(fleet({}, 50)), "door"));
    expect(reserveReasons(small)).toEqual([
      "home home: surviveLossOf asks that the loss of home be survived; 20 rps would find no room in the others within 80 % of their capacities, however they are divided: add capacity there, and nothing is kept free for it meanwhile",
    ]);
  });

  it("say so where pins use up what would have to be free", () => {
    const pinned = aFleet(
      {
        cordoned: { versions: { v1: 100 }, state: { isCordoned: true } },
        door: { demandRps: 50, rttMs: { near: 5, cordoned: 50, home: 90 } },
        home: { demandRps: 60, versions: { v1: 100 } },
        near: { versions: { v1: 100 } },
      },
      {
        policy: { surviveLossOf: HOME },
        pins: { door: { "near/v1": 10_000 } },
        released: { door: { "cordoned/v1": 10_000 }, home: { "home/v1": 10_000 } },
      },
    );
    expect(reserveReasons(pinned)).toEqual([
      "home home: surviveLossOf asks that the loss of home be survived; 30 rps would find no room at once, and would only once everybody is divided anew",
    ]);
  });
});

describe("the dead band", () => {
  // `door` can serve itself, and nobody else: it is quarantined. Where it is, it is nearly as well off as at home.
  const settings = { ...UNPACED, allocation: "optimum", moveGainMin: 0.99 } as const;
  const away = (policy: Partial<ServicePolicy>) =>
    aFleet(
      {
        door: { demandRps: 50, versions: { v1: 100 }, rttMs: { near: 1, home: 90 }, state: { isQuarantined: true } },
        home: { demandRps: 60, versions: { v1: 100 }, rttMs: { near: 50 } },
        near: { versions: { v1: 100 } },
      },
      {
        policy,
        released: { door: { "near/v1": 10_000 }, home: { "home/v1": 10_000 }, near: { "near/v1": 10_000 } },
      },
    );

  it("holds back what gains too little", () => {
    expect(planned(planOf(away({}), settings), "door")).toEqual({ "near/v1": 10_000 });
  });

  it("does not hold back what makes room for a loss", () => {
    // 80 - 50 = 30 of the 60 rps of `home` would find room; what leaves `near` makes 20 rps, 4000 of 10000, or less of the 50.
    const stays = planned(planOf(away({ surviveLossOf: HOME }), settings), "door")["near/v1"] ?? 0;
    expect(stays).toBeLessThanOrEqual(4_000);
  });
});
