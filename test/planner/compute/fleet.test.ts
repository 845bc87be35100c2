import { describe, expect, it } from "vitest";
import { computed, fleetOf, weightsOf, whyNot } from "./documents.ts";
import { computeFleet } from "../../../src/planner/compute/fleet.ts";

const RTTS =
  "rttMs: {r0: {r1: 12, r2: 28, r3: 62, r4: 74}, r1: {r2: 22, r3: 56, r4: 70}, r2: {r3: 44, r4: 58}, r3: {r4: 18}}";
const NAMES = ["r0", "r1", "r2", "r3", "r4"];

/** A gray release whose version runs in one cluster: design of a published gray-release case, 5 % to r2's v2. */
const RELEASE = `
clusters: [${NAMES.map((name) => `{name: ${name}}`).join(", ")}]
${RTTS}
egressDollarsPerGb: {${NAMES.map((a) => `${a}: {${NAMES.flatMap((b) => (a < b ? [`${b}: 0.04`] : [])).join(", ")}}`).join(", ")}}
settings: {utilisationMax: 0.98}
services:
  - name: shop/checkout
    stableVersion: v1
    bytesPerRequest: 50000
    demandRps: {r0: 2600, r1: 1400, r2: 1200, r3: 900, r4: 900}
    destinations:
${[52, 40, 40, 28, 28].map((servers, at) => `      - {cluster: r${at}, version: v1, servers: ${servers}}`).join("\n")}
      - {cluster: r2, version: v2, servers: 10}
    release: {shares: {v2: 5%}, maxSourceShare: 25%}
`;

const TWO = `
clusters: [{name: a}, {name: b}]
rttMs: {a: {b: 10}}
services:
  - name: shop/checkout
    demandRps: {a: 400, b: 100}
    destinations:
      - {cluster: a, version: v1, latency: {baseMs: 27.6, coefficient: 1.18e-9, exponent: 4}}
      - {cluster: b, version: v1, latency: {baseMs: 27.6, coefficient: 1.18e-9, exponent: 4}}
`;

describe("computeFleet", () => {
  it("spreads until one more request costs the same at home and away", () => {
    const plan = computed(TWO);
    const [a, b] = plan.destinations;
    // C'(X) = 27.6 + 5 * 1.18e-9 X^4; at home 0.5 ms of network, away 10 ms.
    const marginal = (rps = 0): number => 27.6 + 5 * 1.18e-9 * rps ** 4;
    expect(a?.marginalMs).toBeCloseTo(marginal(a?.loadRps), 6);
    expect(Math.abs(marginal(a?.loadRps) + 0.5 - (marginal(b?.loadRps) + 10))).toBeLessThan(0.05);
    expect((a?.loadRps ?? 0) + (b?.loadRps ?? 0)).toBeCloseTo(500, 6);
    expect(plan.gap).toBeLessThan(1e-4);
    expect(plan.rung).toBe("optimum");
  });

  it("lets the sources send a released version where that costs least, each up to its ceiling", () => {
    const plan = computed(RELEASE);
    const sent = Object.fromEntries(
      plan.sources.map(({ cluster, weights }) => [
        cluster,
        Math.round(weights.find(({ destination }) => destination.version === "v2")?.rps ?? 0),
      ]),
    );
    expect(sent).toEqual({ r0: 50, r1: 0, r2: 300, r3: 0, r4: 0 });
    expect(plan.latencyMs).toBeCloseTo(21.72, 2);
    expect(plan.dollarsPerHour).toBeCloseTo(2.08, 2);
    expect(plan.gap).toBeLessThan(1e-4);
  });

  it("divides several released versions, each in several clusters, to their totals", () => {
    const plan = computed(
      RELEASE.replace("{v2: 5%}", "{v2: 5%, v3: 10%}").replace(
        "    release",
        "      - {cluster: r0, version: v3, servers: 10}\n      - {cluster: r3, version: v3, servers: 10}\n    release",
      ),
    );
    const total = (version: string): number =>
      plan.destinations
        .filter(({ destination }) => destination.version === version)
        .reduce((sum, { loadRps }) => sum + loadRps, 0);
    expect([total("v1"), total("v2"), total("v3")].map(Math.round)).toEqual([5950, 350, 700]);
    expect(plan.gap).toBeLessThan(1e-3);
    for (const { weights } of plan.sources)
      for (const version of ["v2", "v3"]) {
        const sent = weights.filter(({ destination }) => destination.version === version);
        expect(sent.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(2501);
      }
  });

  it("keeps traffic where it is cheaper, and says what the nearer cluster would cost", () => {
    const text = `
clusters: [{name: a}, {name: b}, {name: c}]
rttMs: {a: {b: 3, c: 12}, b: {c: 30}}
egressDollarsPerGb: {a: {b: 0.09, c: 0.02}}
services:
  - name: shop/checkout
    demandRps: {a: 1000}
    bytesPerRequest: 400000
    destinations: [{cluster: b, version: v1, servers: 40}, {cluster: c, version: v1, servers: 40}]
`;
    const plan = computed(text);
    expect(weightsOf(plan)).toEqual({ a: "c/v1 100%" });
    // 400 kB at $0.07/GB more are 28e-6 dollars, 28 ms at 1e-6 dollars per request and ms; the marginals differ a little.
    const price = plan.sources[0]?.weights[0]?.reasons.find(({ kind }) => kind === "price");
    expect(price?.text).toMatch(
      /^b\/v1 would save 9\.\d+ ms of latency, but a request there costs \$28 per million more, which weighs 28 ms$/,
    );
    expect(plan.dollarsPerHour).toBeCloseTo((1000 * 3600 * 400_000 * 0.02) / 1e9, 6);
    expect(weightsOf(computed(text.replace("bytesPerRequest", "objective: latency\n    bytesPerRequest")))).toEqual({
      a: "b/v1 100%",
    });
  });

  it("fills to the limit and no further, and says that it is full", () => {
    const plan = computed(`
clusters: [{name: a}, {name: b}]
rttMs: {a: {b: 300}}
services: [{name: s/s, demandRps: {a: 1000}, destinations: [{cluster: a, version: v1, servers: 20}, {cluster: b, version: v1, servers: 20}]}]
`);
    expect(weightsOf(plan)).toEqual({ a: "a/v1 90%, b/v1 10%" });
    const reasons = plan.sources[0]?.weights[0]?.reasons ?? [];
    expect(reasons.map(({ kind }) => kind)).toEqual(["cost", "capacity"]);
    expect(reasons[1]?.text).toMatch(
      /^a\/v1 is full: 900 rps of 900 rps \(90 % of its capacity of 1000 rps\); each rps of room more would save /,
    );
    // At the limit one more costs the same here and away: the price of the limit makes up the difference.
    const [a, b] = plan.destinations;
    expect((a?.marginalMs ?? 0) + (a?.limitPriceMs ?? 0) + 0.5).toBeCloseTo((b?.marginalMs ?? 0) + 300, 3);
  });

  it("raises limits alike when there is no room, and says by how much", () => {
    const plan = computed(TWO.replaceAll(/latency: \{.*\}/g, "servers: 4}"));
    expect(plan.overLimitRps).toBeCloseTo(500 - 360, 3);
    expect(plan.remarks).toEqual([
      expect.stringMatching(/^140 rps find no room within the limits, which are exceeded by up to 38\.\d+ %/),
    ]);
  });

  it("gives a source no weights when nobody may serve it", () => {
    const plan = computed(
      TWO.replace("{name: b}", "{name: b}, {name: c, labels: {zone: x}}").replace(
        "demandRps: {a: 400, b: 100}",
        "demandRps: {a: 400, c: 7}\n    policy: {isolation: strict}",
      ),
    );
    expect(weightsOf(plan)).toEqual({ a: "a/v1 100%", c: "" });
    expect(plan.unservedRps).toBe(7);
    expect(whyNot(plan, "c", "a/v1")).toBe("is elsewhere, and isolation is strict");
    expect(plan.remarks).toEqual(["nobody may serve the 7 rps of c: see why not for each destination"]);
  });

  it("keeps to the destinations that a mesh takes, the largest first", () => {
    const names = ["a", "b", "c", "d"];
    const text = `
clusters: [{name: a, maxDestinations: 2}, {name: b}, {name: c}, {name: d}]
rttMs: {a: {b: 5, c: 6, d: 9}}
services:
  - name: s/s
    demandRps: {a: 300}
    destinations: [${names.map((name) => `{cluster: ${name}, version: v1, servers: 4}`).join(", ")}]
`;
    expect(computed(text.replace("maxDestinations: 2", "maxDestinations: 4")).sources[0]?.weights).toHaveLength(4);
    const plan = computed(text);
    expect(plan.sources[0]?.weights.map(({ destination }) => destination.cluster)).toEqual(["a", "b"]);
    expect(whyNot(plan, "a", "c/v1")).toBe("is beyond the 2 destinations that a route of this mesh takes");
  });

  it("gives no destination more than the policy's share", () => {
    const plan = computed(
      TWO.replace("demandRps: {a: 400, b: 100}", "demandRps: {a: 10}\n    policy: {maxShare: 60%}"),
    );
    expect(weightsOf(plan)).toEqual({ a: "a/v1 60%, b/v1 40%" });
    expect(plan.sources[0]?.weights[0]?.reasons[0]).toEqual({
      kind: "policy",
      text: "at most 60 % of a source's requests go to one destination",
    });
  });

  it("adds up over services", () => {
    const document = fleetOf(TWO);
    const [service] = document.services;
    if (service === undefined) throw new Error("no service");
    const twice = computeFleet({
      ...document,
      services: [service, { ...service, name: "shop/cart" as typeof service.name }],
    });
    const once = computeFleet(document);
    expect(twice.demandRps).toBe(1000);
    expect(twice.latencyMs).toBeCloseTo(once.latencyMs, 2);
  });
});

describe("eligibility", () => {
  const text = (state: string, policy: string): string => `
clusters: [{name: a, state: ${state}, labels: {zone: x}}, {name: b, labels: {zone: y}}, {name: c, labels: {zone: x}}]
rttMs: {a: {b: 1, c: 5}, b: {c: 5}}
services:
  - name: s/s
    demandRps: {a: 100, c: 100}
    destinations: [{cluster: a, version: v1, servers: 4}, {cluster: b, version: v1, servers: 400}]
    policy: ${policy}
`;

  it.each<[string, string, string, Readonly<Record<string, string>>]>([
    ["a dead cluster serves nobody, and its callers still ask", "dead", "{}", { a: "b/v1 100%", c: "b/v1 100%" }],
    ["a draining one neither", "draining", "{}", { a: "b/v1 100%", c: "b/v1 100%" }],
    ["a cordoned one serves its own", "cordoned", "{isolation: nearest}", { a: "a/v1 100%", c: "b/v1 100%" }],
    [
      "who must stay near leaves for want of a home",
      "active",
      "{isolation: nearest}",
      { a: "a/v1 100%", c: "b/v1 100%" },
    ],
    ["and for a dead one", "dead", "{isolation: nearest}", { a: "b/v1 100%", c: "b/v1 100%" }],
    ["who must stay goes nowhere else", "active", "{isolation: strict}", { a: "a/v1 100%", c: "" }],
    ["labels are kept", "active", "{requiredLabels: {zone: y}}", { a: "b/v1 100%", c: "b/v1 100%" }],
    ["so are denials", "active", "{deniedClusters: [a]}", { a: "b/v1 100%", c: "b/v1 100%" }],
    ["so are allowances", "active", "{allowedClusters: [b, c]}", { a: "b/v1 100%", c: "b/v1 100%" }],
  ])("%s", (_, state, policy, weights) => {
    expect(weightsOf(computed(text(state, policy)))).toEqual(weights);
  });

  it.each([
    ["dead", "{}", "is in a dead cluster"],
    ["active", "{requiredLabels: {zone: y}}", "is in a cluster without the label zone=y"],
    ["active", "{deniedClusters: [a]}", "is in a denied cluster"],
    ["active", "{allowedClusters: [b]}", "is in no allowed cluster"],
    ["cordoned", "{}", "is in a cordoned cluster, which takes nobody new"],
  ])("says why not: %s %s", (state, policy, reason) => {
    expect(whyNot(computed(text(state, policy)), "c", "a/v1")).toBe(reason);
  });
});
