import { describe, expect, it } from "vitest";
import { previewSteps } from "../../../src/planner/preview.ts";
import { aFleet, aShift, CHECKOUT, planOf, textOf, UNPACED, withShifts } from "../planning-fleet.ts";
import type { ServiceOptions } from "../planning-fleet.ts";

const LOCAL = { "us-east": { "us-east/v1": 10_000 }, "eu-west": { "eu-west/v1": 10_000 } };

function fleet(service: ServiceOptions = {}) {
  return aFleet(
    {
      "us-east": { demandRps: 100, versions: { v1: 400 } },
      "eu-west": { demandRps: 100, versions: { v1: undefined } },
    },
    { released: LOCAL, ...service },
  );
}

const pins = { "us-east": { "eu-west/v1": 5_000, "us-east/v1": 5_000 } };

describe("a preview", () => {
  const before = fleet();
  const after = withShifts(fleet({ pins }), aShift(["us-east"]));
  const preview = previewSteps({ service: CHECKOUT, before, after }, UNPACED);

  it("shows every step that the shift would take", () => {
    const splits = preview.steps.map((step) => textOf(step.splits["us-east" as keyof typeof step.splits]));
    expect(splits).toEqual([{ "eu-west/v1": 2_500, "us-east/v1": 7_500 }, pins["us-east"]]);
    expect(preview.isComplete).toBe(true);
    expect(textOf(preview.before["us-east" as keyof typeof preview.before])).toEqual(LOCAL["us-east"]);
  });

  it("begins with the very step that would be planned", () => {
    expect(preview.steps[0]?.splits).toEqual(planOf(after).splits);
  });

  it("shows loads beside capacities, where they are known", () => {
    expect(preview.steps[1]?.loads).toEqual([
      { destination: { cluster: "eu-west", version: "v1" }, beforeRps: 125, afterRps: 150 },
      { destination: { cluster: "us-east", version: "v1" }, beforeRps: 75, afterRps: 50, capacityRps: 400 },
    ]);
  });

  it("is pinned to what it was computed from, not to what it supposes", () => {
    expect(preview.digest).toBe(previewSteps({ service: CHECKOUT, before, after: before }, UNPACED).digest);
    const moved = fleet({ state: { inputsSequence: 8 } });
    expect(previewSteps({ service: CHECKOUT, before: moved, after }, UNPACED).digest).not.toBe(preview.digest);
  });

  it("says why", () => {
    expect(preview.reasons.map(({ kind }) => kind)).toContain("pinned");
  });

  it("has no step where nothing would move", () => {
    expect(previewSteps({ service: CHECKOUT, before, after: before }, UNPACED)).toMatchObject({
      steps: [],
      isComplete: true,
    });
  });

  it("shows no step of a shift that holds, and that it is not at its end", () => {
    const holding = withShifts(fleet({ pins }), aShift(["us-east"], { phase: "holding" }));
    expect(previewSteps({ service: CHECKOUT, before, after: holding }, UNPACED)).toMatchObject({
      steps: [],
      isComplete: false,
    });
  });

  it("shows nothing of a service that nobody declared", () => {
    const none = "shop/none" as typeof CHECKOUT;
    expect(previewSteps({ service: none, before, after }, UNPACED)).toMatchObject({
      before: {},
      steps: [],
      reasons: [],
    });
  });
});
