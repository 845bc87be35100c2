import { describe, expect, it } from "vitest";
import { computed, weightsOf, whyNot } from "./documents.ts";

/** Four clusters whose round trips from `a` grow with the letter; v1 runs in all but `a`, 100 rps each. */
function fleet(policy: string, { demand = "a: 60", ready = "" }: { demand?: string; ready?: string } = {}): string {
  const destination = (name: string): string =>
    `      - {cluster: ${name}, version: v1, capacityRps: 100${name === "b" ? ready : ""}}`;
  return `
clusters:
  - {name: a, labels: {region: eu, provider: aws}}
  - {name: b, labels: {region: us, provider: gcp}}
  - {name: c, labels: {region: eu, provider: aws, tier: test}}
  - {name: d, labels: {region: ap, provider: azure}}
rttMs: {a: {b: 10, c: 30, d: 80}, b: {c: 35, d: 70}, c: {d: 60}}
services:
  - name: shop/checkout
    demandRps: {${demand}}
    policy: ${policy}
    destinations:
${["b", "c", "d"].map(destination).join("\n")}
`;
}

describe("rules by labels", () => {
  it("keeps requests from clusters with a denied label, and says which", () => {
    const plan = computed(fleet("{deniedLabels: {provider: gcp, tier: [test, stage]}}"));
    expect(weightsOf(plan)).toEqual({ a: "d/v1 100%" });
    expect(whyNot(plan, "a", "b/v1")).toBe("is in a cluster that may not serve it: deniedLabels names provider=gcp");
    expect(whyNot(plan, "a", "c/v1")).toBe("is in a cluster that may not serve it: deniedLabels names tier=test");
  });

  it("lets only clusters serve that have one of the allowed values", () => {
    const plan = computed(fleet("{allowedLabels: {provider: [aws, azure]}}"));
    expect(weightsOf(plan)).toEqual({ a: "c/v1 100%" });
    expect(whyNot(plan, "a", "b/v1")).toBe(
      "is in a cluster that may not serve it: allowedLabels asks for provider=aws or azure, and it has provider=gcp",
    );
  });
});

describe("failover orders", () => {
  it("sends to the first of the order, though another is nearer, and to nobody who is on none", () => {
    const plan = computed(fleet("{failover: {order: [c, d]}}"));
    expect(weightsOf(plan)).toEqual({ a: "c/v1 100%" });
    expect(whyNot(plan, "a", "b/v1")).toBe("is on no tier of the failover order of a");
    expect(whyNot(plan, "a", "d/v1")).toBe(
      "is tier 2 of 2 of the failover order of a: takes what the healthy tiers before it have no room for",
    );
  });

  it("fills the first to its limit and sends the rest to the next, not to the nearest", () => {
    // The limit is 90 % of 100 rps: 90 of 120 to d, 30 to c, none to b though it is nearest and empty.
    const plan = computed(fleet("{failover: {order: [d, c, b]}}", { demand: "a: 120" }));
    expect(weightsOf(plan)).toEqual({ a: "c/v1 25%, d/v1 75%" });
    const reasons = plan.sources[0]?.weights[0]?.reasons.map(({ kind, text }) => `${kind}: ${text}`) ?? [];
    expect(reasons).toContain(
      "failover: tier 2 of 3 of the failover order of a: takes what the healthy tiers before it have no room for",
    );
  });

  it("passes over a tier of which less than the threshold is healthy, and comes to it last", () => {
    const half = { ready: ", readyShare: 50%" };
    expect(weightsOf(computed(fleet("{failover: {order: [b, d]}}", half)))).toEqual({ a: "d/v1 100%" });
    const low = computed(fleet("{failover: {order: [b, d], healthyMin: 40%}}", half));
    expect(weightsOf(low)).toEqual({ a: "b/v1 100%" });
    const full = computed(fleet("{failover: {order: [b, d]}}", { ...half, demand: "a: 120" }));
    expect(weightsOf(full)).toEqual({ a: "b/v1 25%, d/v1 75%" });
    expect(full.sources[0]?.weights[0]?.reasons.map(({ text }) => text)).toContain(
      "tier 1 of 2 of the failover order of a, last in line: 50 % of it is healthy, less than 70 %",
    );
  });

  it("takes tiers by labels and the source itself, and divides within a tier as it pays", () => {
    const plan = computed(
      fleet("{failover: {order: [{own: cluster}, {labels: {region: us}}, {labels: {region: eu}}]}}", {
        demand: "a: 60, d: 100",
      }),
    );
    // a runs nothing itself; d fills itself to 90 rps first, and 10 go to b, where a is already.
    expect(weightsOf(plan)).toEqual({ a: "b/v1 100%", d: "b/v1 10%, d/v1 90%" });
  });

  it("follows each source's own order", () => {
    const plan = computed(
      fleet("{failover: {order: [b], orderBySource: {d: [c, b]}}}", { demand: "a: 40, c: 40, d: 40" }),
    );
    expect(weightsOf(plan)).toEqual({ a: "b/v1 100%", c: "b/v1 100%", d: "c/v1 100%" });
  });

  it("places all first choices before any second", () => {
    // c is first for d and second for a: d's 90 rps are there when a overflows from b.
    const plan = computed(
      fleet("{failover: {order: [b, c, d], orderBySource: {d: [c, d]}}}", { demand: "a: 120, d: 90" }),
    );
    expect(weightsOf(plan)).toEqual({ a: "b/v1 75%, d/v1 25%", d: "c/v1 100%" });
  });

  it("holds beside a release, and the plan is as good as its turns let it be", () => {
    const text = fleet("{failover: {order: [c, b]}}", { demand: "a: 120" });
    const both = computed(
      `${text}      - {cluster: b, version: v2, capacityRps: 100}\n    stableVersion: v1\n    release: {shares: {v2: 5%}}\n`,
    );
    expect(weightsOf(both)).toEqual({ a: "b/v1 20%, b/v2 5%, c/v1 75%" });
    expect(both.gap).toBeLessThan(1e-3);
  });

  it("raises the limits of its tiers alike where they lack room together", () => {
    const plan = computed(fleet("{failover: {order: [b, c]}}", { demand: "a: 200" }));
    expect(weightsOf(plan)).toEqual({ a: "b/v1 50%, c/v1 50%" });
    expect(plan.overLimitRps).toBeCloseTo(20, 3);
  });
});

describe("locality preference", () => {
  it("leaves its locality only where that saves at least the penalty", () => {
    // From a: b (us) is 20 ms nearer than c (eu); 5 rps wait for nobody.
    const light = { demand: "a: 5" };
    expect(weightsOf(computed(fleet("{localityPenaltyMs: {region: 15}}", light)))).toEqual({ a: "b/v1 100%" });
    const plan = computed(fleet("{localityPenaltyMs: {region: 25}}", light));
    expect(weightsOf(plan)).toEqual({ a: "c/v1 100%" });
    expect(whyNot(plan, "a", "b/v1")).toContain("25 ms for leaving its locality (localityPenaltyMs)");
    const reasons = plan.sources[0]?.weights[0]?.reasons ?? [];
    expect(reasons.find(({ kind }) => kind === "locality")?.text).toMatch(/^b\/v1 would save .* less than the 25 ms/);
  });

  it("leaves it for want of room, whatever the penalty", () => {
    const plan = computed(fleet("{localityPenaltyMs: {region: 100000}}", { demand: "a: 120" }));
    expect(weightsOf(plan)).toEqual({ a: "b/v1 25%, c/v1 75%" });
  });

  it("adds up over labels, and counts no penalty as latency", () => {
    const plan = computed(fleet("{allowedClusters: [d], localityPenaltyMs: {region: 100, provider: 7}}"));
    expect(weightsOf(plan)).toEqual({ a: "d/v1 100%" });
    expect(plan.objectiveMs - plan.latencyMs).toBeCloseTo(107, 6);
  });
});
