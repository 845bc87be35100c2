import { describe, expect, it } from "vitest";
import { decodeJoinToken, encodeJoinToken } from "../../src/wire/join-token.ts";
import { identityOf, notPlanner, spiffeId } from "../../src/wire/spiffe.ts";

const ticket = { addresses: ["a:1", "b:2"], pin: "0f".repeat(32), secret: "s".repeat(43), cluster: "eu-west" };

describe("a join token", () => {
  it("comes back as it was made", () => {
    expect(decodeJoinToken(encodeJoinToken(ticket))).toEqual({ ok: true, value: ticket });
  });

  it.each([
    ["nothing", ""],
    ["another prefix", encodeJoinToken(ticket).replace("weir1", "weir2")],
    ["white space around", ` ${encodeJoinToken(ticket)}`],
    ["no JSON", `weir1.${Buffer.from("hello").toString("base64url")}`],
    ["a bad pin", encodeJoinToken({ ...ticket, pin: "xyz" })],
    ["no address", encodeJoinToken({ ...ticket, addresses: [] })],
    ["a bad name", encodeJoinToken({ ...ticket, cluster: "EU West" })],
    ["a short secret", encodeJoinToken({ ...ticket, secret: "s" })],
    ["too much", `weir1.${"A".repeat(5_000)}`],
  ])("is refused with one text: %s", (_what, token) => {
    expect(decodeJoinToken(token)).toMatchObject({ ok: false, refusal: { code: "TOKEN_INVALID" } });
  });
});

describe("a SPIFFE id", () => {
  it.each([
    { kind: "cluster", name: "eu-west" },
    { kind: "operator", name: "ana" },
    { kind: "planner", name: "planner-1" },
  ] as const)("names a $kind", (identity) => {
    expect(identityOf("weir", spiffeId("weir", identity))).toEqual(identity);
  });

  it.each([
    "spiffe://weir/cluster/eu-west",
    "spiffe://weir/cluster/eu-west/agent/x",
    "spiffe://weir/cluster/eu-west/agent?x=1",
    "spiffe://weir/cluster//agent",
    "spiffe://weir/cluster/../agent",
    "spiffe://weir/cluster/EU-WEST/agent",
    "spiffe://weir/cluster/eu%2dwest/agent",
    "spiffe://weir/operator/ana/",
    "spiffe://weir/root/ana",
    "spiffe://elsewhere/operator/ana",
    "SPIFFE://weir/operator/ana",
    "https://weir/operator/ana",
  ])("is exactly one of ours, not %s", (uri) => {
    expect(identityOf("weir", uri)).toBeUndefined();
  });

  it("tells a planner's certificate from others", () => {
    expect(notPlanner("weir", "URI:spiffe://weir/planner/p1, DNS:localhost")).toBeUndefined();
    expect(notPlanner("weir", "URI:spiffe://weir/cluster/c1/agent")).toMatch(/does not name a planner/);
    expect(notPlanner("weir", "DNS:planner")).toMatch(/0 URI names/);
    expect(notPlanner("weir", undefined)).toMatch(/0 URI names/);
  });
});
