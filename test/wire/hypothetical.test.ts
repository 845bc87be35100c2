import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ForceMode } from "../../proto/gen/weir/v1/fleet_pb.ts";
import { PreviewChangeRequestSchema } from "../../proto/gen/weir/v1/preview_pb.ts";
import { previewQuestion } from "../../src/wire/hypothetical.ts";

const asked = (request: MessageInitShape<typeof PreviewChangeRequestSchema>) =>
  previewQuestion(create(PreviewChangeRequestSchema, request));

const shift = {
  service: "shop/checkout",
  sources: ["us-east"],
  target: { target: { case: "automatic" as const, value: {} } },
};

describe("previewQuestion", () => {
  it("takes everything that can be supposed", () => {
    const found = asked({
      demands: [{ factor: 1.5 }, { service: "shop/checkout", source: "us-east", factor: 0 }],
      capacities: [
        { cluster: "eu-west", change: { case: "factor", value: 0.5 } },
        { service: "shop/checkout", version: "v2", change: { case: "capacityRps", value: 400 } },
      ],
      lostClusters: ["ap-south"],
      cordons: ["sa-east"],
      drains: [{ cluster: "us-east", maxStepWeight: 1_000, bakeMs: 5, force: ForceMode.YES }],
      shifts: [shift],
    });
    expect(found).toEqual({
      ok: true,
      value: {
        detailsMax: 10,
        hypothetical: {
          demands: [{ factor: 1.5 }, { service: "shop/checkout", source: "us-east", factor: 0 }],
          capacities: [
            { cluster: "eu-west", change: { kind: "factor", factor: 0.5 } },
            { service: "shop/checkout", version: "v2", change: { kind: "value", capacityRps: 400 } },
          ],
          lost: ["ap-south"],
          cordons: ["sa-east"],
          drains: [{ cluster: "us-east", drain: { maxStepWeight: 1_000, bakeMs: 5, force: "over-capacity" } }],
          shifts: [
            {
              kind: "request-shift",
              shift: "preview-0",
              service: "shop/checkout",
              sources: ["us-east"],
              target: { kind: "automatic" },
              reason: "preview",
            },
          ],
        },
      },
    });
  });

  it.each<[string, string, MessageInitShape<typeof PreviewChangeRequestSchema>]>([
    ["EMPTY_PLAN", "", { services: ["shop/checkout"] }],
    ["FIELD_INVALID", "demands[0].factor", { demands: [{ factor: Number.NaN }] }],
    ["FIELD_INVALID", "demands[1].factor", { demands: [{ factor: 1 }, { factor: -1 }] }],
    ["BAD_NAME", "demands[0].service", { demands: [{ service: "checkout", factor: 1 }] }],
    ["BAD_NAME", "demands[0].source", { demands: [{ source: "US", factor: 1 }] }],
    ["FIELD_REQUIRED", "capacities[0]", { capacities: [{ change: { case: "factor", value: 1 } }] }],
    ["FIELD_REQUIRED", "capacities[0].factor", { capacities: [{ cluster: "us-east" }] }],
    [
      "FIELD_INVALID",
      "capacities[0].capacity_rps",
      { capacities: [{ cluster: "us-east", change: { case: "capacityRps", value: Infinity } }] },
    ],
    ["DUPLICATE_KEY", "lost_clusters", { lostClusters: ["us-east", "us-east"] }],
    ["BAD_NAME", "cordons[0]", { cordons: ["-"] }],
    ["WEIGHT_TYPE", "drains[0].max_step_weight", { drains: [{ cluster: "us-east", maxStepWeight: 10_001 }] }],
    ["UNKNOWN_ENUM", "drains[0].force", { drains: [{ cluster: "us-east", force: 9 as ForceMode }] }],
    ["EMPTY_SELECTOR", "shifts[0].sources", { shifts: [{ ...shift, sources: [] }] }],
    ["FIELD_REQUIRED", "shifts[0].target", { shifts: [{ service: "shop/checkout", sources: ["us-east"] }] }],
    ["DUPLICATE_KEY", "services", { cordons: ["us-east"], services: ["shop/a", "shop/a"] }],
    ["FIELD_INVALID", "details_max", { cordons: ["us-east"], detailsMax: 201 }],
  ])("refuses %s %s", (code, field, request) => {
    expect(asked(request)).toMatchObject({ ok: false, refusal: { code, field } });
  });

  it("counts all that is wrong", () => {
    const found = asked({ demands: [{ factor: -1 }, { factor: -2 }], cordons: ["-"] });
    expect(found).toMatchObject({
      ok: false,
      refusal: { message: expect.stringContaining("(and 2 more problems in this request)") as string },
    });
  });
});
