import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GetStatusResponseSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { statusLines } from "../../src/cli/status.ts";
import { survivalLines } from "../../src/cli/survival.ts";
import type { Paint } from "../../src/cli/terminal.ts";

const paint: Paint = (tone, text) => `<${tone}>${text}`;

interface Loss {
  readonly cluster: string;
  readonly shortRps: number;
  readonly isRequired?: boolean;
}

function message(
  summary: Readonly<Record<string, number>>,
  survivals: readonly { readonly service: string; readonly shortRps?: number; readonly losses: readonly Loss[] }[] = [],
) {
  return create(GetStatusResponseSchema, {
    survivalSummary: summary,
    survivals: survivals.map(({ losses, ...rest }) => ({ ...rest, losses: [...losses] })),
  });
}

describe("survivalLines", () => {
  it("needs one line where every service outlives any loss", () => {
    expect(survivalLines(message({ services: 3, survivingServices: 3 }), paint)).toEqual([
      "<good>all 3 services survive the loss of any one cluster<warn>",
    ]);
    expect(
      survivalLines(message({ services: 1, survivingServices: 1, servicesWithUnknownCapacity: 1 }), paint),
    ).toEqual([
      "<good>the service survives the loss of any one cluster<warn>; for 1 of 1 a capacity is unknown and counts as endless",
    ]);
  });

  it("gives every service that does not a line, with what its policy names first", () => {
    const losses = [
      { cluster: "eu-west", shortRps: 140 },
      { cluster: "us-east", shortRps: 4.25, isRequired: true },
      { cluster: "ap-south", shortRps: 0, isRequired: true },
    ];
    const found = message({ services: 4, survivingServices: 2, servicesAgainstPolicy: 1 }, [
      { service: "shop/cart", losses: [{ cluster: "eu-west", shortRps: 20 }] },
      { service: "shop/checkout", losses },
      { service: "shop/named", losses: [{ cluster: "eu-west", shortRps: 0, isRequired: true }] },
    ]);
    expect(survivalLines(found, paint)).toEqual([
      "<warn>shop/cart: without eu-west: 20/s find no room",
      "<bad>shop/checkout: without us-east (its policy asks to survive that): 4.3/s find no room; without eu-west: 140/s find no room",
      "<dim>2 of 4 services survive the loss of any one cluster<warn>",
    ]);
  });

  it("says what finds no room already", () => {
    const found = message({ services: 1, survivingServices: 0 }, [
      { service: "shop/cart", shortRps: 7, losses: [{ cluster: "eu-west", shortRps: 20 }] },
    ]);
    expect(survivalLines(found, paint)).toEqual([
      "<bad>shop/cart: 7/s find no room as things are; without eu-west: 20/s find no room",
    ]);
  });

  it("is part of the status, and silent without services or from a planner that does not say", () => {
    expect(statusLines(message({ services: 2, survivingServices: 2 }), paint).join("\n")).toContain(
      "all 2 services survive",
    );
    expect(survivalLines(message({}), paint)).toEqual([]);
    expect(survivalLines(create(GetStatusResponseSchema, {}), paint)).toEqual([]);
  });
});
