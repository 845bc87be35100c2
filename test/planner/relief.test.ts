import { describe, expect, it } from "vitest";
import { checkPlan } from "../../src/planner/check.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import { committed, loads, LOCAL, planned, planOf, threeClusters } from "./planning-fleet.ts";

describe("somebody who is sent more than it can serve", () => {
  /** us-east serves 400 rps; its callers ask for 600 all at once. Of 10 000 basis points, each is 0.06 rps. */
  const surge = threeClusters({ released: LOCAL }, { demandRps: 600 });

  it("is brought down to the limit of steps at once, whatever one step may move", () => {
    const planning = planOf(surge, DEFAULT_SETTINGS);
    expect(planning.urgency).toBe("emergency");
    expect(planning.isFinalStep).toBe(false);
    // 600 rps less what goes: 380 = 0.95 * 400 stay, where a routine step would leave 450.
    const { "us-east/v1": home = 0 } = planned(planning, "us-east");
    expect(home * 0.06).toBeLessThanOrEqual(380);
    expect(home * 0.06).toBeGreaterThan(378);
    expect(planned(planning, "eu-west")).toEqual({ "eu-west/v1": 10_000 });
    const done = committed(surge, planning);
    expect(checkPlan(done.state, done.plan, DEFAULT_SETTINGS)).toEqual({ ok: true, value: undefined });
  });

  it("is told to be relieved in the reasons", () => {
    const texts = planOf(surge, DEFAULT_SETTINGS).reasons.map(({ text }) => text);
    expect(texts.some((text) => text.includes("is relieved at once"))).toBe(true);
  });

  it("is relieved at nobody's cost who then has more than its capacity, or than everybody has to have", () => {
    // 1300 rps on three times 400: 433 each.
    const full = threeClusters({ released: LOCAL }, { demandRps: 600 }, { demandRps: 350 }, { demandRps: 350 });
    const receivers = [...loads(full, planOf(full, DEFAULT_SETTINGS).splits)].filter(([key]) => key !== "us-east/v1");
    expect(Math.max(...receivers.map(([, rps]) => rps))).toBeLessThanOrEqual(1_300 / 3 + 0.2);
  });

  it("is no emergency while one step of the routine is enough", () => {
    const little = threeClusters({ released: LOCAL }, { demandRps: 400 });
    const planning = planOf(little, DEFAULT_SETTINGS);
    expect(planning.urgency).toBe("routine");
    expect(loads(little, planning.splits).get("us-east/v1" as never)).toBeLessThanOrEqual(380);
  });

  it("is a matter of the routine where nobody may take more at once", () => {
    const shared = { ...DEFAULT_SETTINGS, stepUtilisationMax: 2 };
    expect(planOf(surge, shared).urgency).toBe("routine");
  });
});
