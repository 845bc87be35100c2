import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFleetDocument } from "../../../src/io/yaml/fleet-document.ts";
import { toPlain, writeFleetDocument } from "../../../src/io/yaml/write-fleet-document.ts";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import { fleetDocuments } from "./arbitrary-fleet-document.ts";

const FULL = `apiVersion: weir.dev/v1
kind: Fleet
description: two regions
settings: {utilisationMax: 85%}
localRttMs: 1
clusters:
  - {name: eu, labels: {residency: eu}, maxDestinations: 4}
  - {name: us, state: draining}
rttMs: {eu: {us: 80}, us: {eu: 80}}
egressDollarsPerGb: {eu: {us: 0.02}, us: {eu: 0.09}}
services:
  - name: shop/checkout
    stableVersion: v1
    demandRps: {eu: 400, us: 12.5}
    bytesPerRequest: 50000
    objective: latency
    destinations:
      - {cluster: eu, version: v1, servers: 8, meanWorkMs: 10, squaredVariation: 2}
      - {cluster: us, version: v1, capacityRps: 90}
      - {cluster: eu, version: v2, latency: {baseMs: 20, coefficient: 0.5, exponent: 2}, capacityRps: 60}
    policy:
      isolation: nearest
      requiredLabels: {residency: eu}
      allowedClusters: [eu, us]
      deniedClusters: [us]
      maxShare: 0.7
      surviveLossOf: [us]
    release: {shares: {v2: 5%}, maxSourceShare: 25%}
`;

const MINIMAL = `apiVersion: weir.dev/v1
kind: Fleet
clusters: [{name: eu}]
services:
  - name: shop/checkout
    destinations: [{cluster: eu, version: v1, servers: 2}]
`;

function read(text: string): FleetDocument {
  const result = readFleetDocument(text, "f.yaml");
  if (!result.ok) throw new Error(result.refusal.map(({ message }) => message).join("\n"));
  return result.value;
}

/** What is said of a text: code, field and message of everything wrong with it. */
function said(text: string): readonly string[] {
  const result = readFleetDocument(text, "f.yaml");
  return result.ok ? [] : result.refusal.map(({ code, field, message }) => `${code} ${field}: ${message}`);
}

describe("readFleetDocument", () => {
  it("reads everything that a document may say", () => {
    expect(read(FULL)).toEqual({
      description: "two regions",
      settings: { utilisationMax: 0.85 },
      localRttMs: 1,
      clusters: [
        { name: "eu", labels: { residency: "eu" }, state: "active", maxDestinations: 4 },
        { name: "us", labels: {}, state: "draining" },
      ],
      rttMs: { eu: { us: 80 }, us: { eu: 80 } },
      egressDollarsPerGb: { eu: { us: 0.02 }, us: { eu: 0.09 } },
      services: [
        {
          name: "shop/checkout",
          stableVersion: "v1",
          demandRps: { eu: 400, us: 12.5 },
          bytesPerRequest: 50_000,
          objective: { dollarsPerRequestMs: Infinity },
          destinations: [
            { cluster: "eu", version: "v1", curve: { kind: "queue", servers: 8, meanWorkMs: 10, squaredVariation: 2 } },
            {
              cluster: "us",
              version: "v1",
              curve: { kind: "queue", servers: 1.8, meanWorkMs: 20, squaredVariation: 1 },
            },
            {
              cluster: "eu",
              version: "v2",
              curve: { kind: "polynomial", baseMs: 20, coefficient: 0.5, exponent: 2, capacityRps: 60 },
            },
          ],
          policy: {
            isolation: "nearest",
            requiredLabels: { residency: "eu" },
            allowedClusters: ["eu", "us"],
            deniedClusters: ["us"],
            maxShare: 0.7,
            surviveLossOf: ["us"],
          },
          release: { shares: { v2: 0.05 }, maxSourceShare: 0.25 },
        },
      ],
    });
  });

  it("asks for little, and takes the only version for the stable one", () => {
    expect(read(MINIMAL)).toEqual({
      description: "",
      settings: { utilisationMax: 0.9 },
      localRttMs: 0.5,
      clusters: [{ name: "eu", labels: {}, state: "active" }],
      rttMs: {},
      egressDollarsPerGb: {},
      services: [
        {
          name: "shop/checkout",
          stableVersion: "v1",
          demandRps: {},
          bytesPerRequest: 0,
          objective: { dollarsPerRequestMs: 1e-6 },
          destinations: [
            { cluster: "eu", version: "v1", curve: { kind: "queue", servers: 2, meanWorkMs: 20, squaredVariation: 1 } },
          ],
          policy: { isolation: "none", requiredLabels: {}, deniedClusters: [], maxShare: 1, surviveLossOf: "none" },
        },
      ],
    });
  });

  it("lets the smallest difference in price outweigh a second where price decides", () => {
    const [service] = read(FULL.replace("objective: latency", "objective: price")).services;
    const dearerDollars = (0.02 * 50_000) / 1e9;
    expect(dearerDollars / (service?.objective.dollarsPerRequestMs ?? 0)).toBeCloseTo(1_000, 6);
  });

  it("has nothing but latency to go by where price decides and nothing has one", () => {
    const [service] = read(MINIMAL.replace("shop/checkout", "shop/checkout\n    objective: price")).services;
    expect(service?.objective).toEqual({ dollarsPerRequestMs: Infinity });
  });

  it("says everything that is wrong at once, each with its line", () => {
    const broken = FULL.replace("localRttMs: 1", "localRtMs: 1")
      .replace("{eu: {us: 80}, us: {eu: 80}}", "{eu: {us: 80}, us: {eu: 81}}")
      .replace("us: 12.5", "uss: 12.5")
      .replace("meanWorkMs: 10,", "meanWorkMs: .nan,")
      .replace("allowedClusters: [eu, us]", "allowedClusters:\n      - eu\n      - ue")
      .replace("{v2: 5%}", "{v2: 26%}");
    expect(said(broken)).toEqual([
      "FIELD_INVALID rttMs.us.eu: f.yaml line 9: is 81, but rttMs.eu.us is 80; a pair has one value, give it once",
      'UNKNOWN_CLUSTER services[0].demandRps.uss: f.yaml line 14: "uss" is no cluster of this document; did you mean us?',
      "FIELD_INVALID services[0].destinations[0].meanWorkMs: f.yaml line 18: is the number .nan; a finite number above 0 is wanted",
      'UNKNOWN_CLUSTER services[0].policy.allowedClusters[1]: f.yaml line 26: "ue" is no cluster of this document; did you mean eu?',
      "FIELD_INVALID services[0].release.maxSourceShare: f.yaml line 30: is 25%, but v2 shall get 26% of all requests",
      "UNKNOWN_FIELD localRtMs: f.yaml line 5: there is no such field; did you mean localRttMs?",
    ]);
  });

  it.each<[string, string, string, string]>([
    ["another version of the format", "weir.dev/v1", "weir.dev/v2", "FIELD_INVALID apiVersion: f.yaml line 1"],
    ["another kind", "kind: Fleet", "kind: Service", "FIELD_INVALID kind: f.yaml line 2"],
    ["a cluster twice", "name: us", "name: eu", "DUPLICATE_KEY clusters[1].name: f.yaml line 8"],
    ["a bad name", "name: us", "name: US", "BAD_NAME clusters[1].name: f.yaml line 8"],
    ["an unknown state", "draining", "drained", "FIELD_INVALID clusters[1].state: f.yaml line 8"],
    ["no destinations", "destinations:", "destination:", "UNKNOWN_FIELD services[0].destination: f.yaml line 17"],
    ["a bad service name", "shop/checkout", "checkout", "BAD_NAME services[0].name: f.yaml line 12"],
    [
      "a destination twice",
      "us, version: v1",
      "eu, version: v1",
      "DUPLICATE_KEY services[0].destinations[1]: f.yaml line 19",
    ],
    [
      "a destination nowhere",
      "cluster: us, v",
      "cluster: as, v",
      "UNKNOWN_CLUSTER services[0].destinations[1].cluster",
    ],
    [
      "servers and a capacity",
      "servers: 8",
      "servers: 8, capacityRps: 3",
      "FIELD_INVALID services[0].destinations[0].capacityRps",
    ],
    ["neither", ", capacityRps: 90", "", "FIELD_REQUIRED services[0].destinations[1].servers: f.yaml line 19"],
    [
      "a queue with a curve",
      "version: v2,",
      "version: v2, servers: 1,",
      "FIELD_INVALID services[0].destinations[2].servers",
    ],
    ["a negative demand", "eu: 400", "eu: -1", "FIELD_INVALID services[0].demandRps.eu: f.yaml line 14"],
    ["an endless demand", "eu: 400", "eu: 1e400", "FIELD_INVALID services[0].demandRps.eu: f.yaml line 14"],
    ["no time to work", "meanWorkMs: 10", "meanWorkMs: 0", "FIELD_INVALID services[0].destinations[0].meanWorkMs"],
    [
      "a curve that bends the wrong way",
      "exponent: 2",
      "exponent: 0.5",
      "FIELD_INVALID services[0].destinations[2].latency.exponent",
    ],
    [
      "a stable version that runs nowhere",
      "stableVersion: v1",
      "stableVersion: v3",
      "UNKNOWN_DESTINATION services[0].stableVersion",
    ],
    [
      "a released version that runs nowhere",
      "{v2: 5%}",
      "{v3: 5%}",
      "UNKNOWN_DESTINATION services[0].release.shares.v3",
    ],
    ["shares above 1", "{v2: 5%}", "{v2: 105%}", "FIELD_INVALID services[0].release.shares.v2: f.yaml line 28"],
    ["a share of the stable version", "{v2: 5%}", "{v1: 5%}", "FIELD_INVALID services[0].release.shares.v1"],
    ["no room at all", "85%", "0%", "FIELD_INVALID settings.utilisationMax: f.yaml line 4"],
    ["a policy that leaves nowhere", "[eu, us]", "[us]", "NO_SERVING_TARGET services[0].policy: f.yaml line 21"],
    [
      "an exchange rate of 0",
      "objective: latency",
      "objective: {dollarsPerRequestMs: 0}",
      "FIELD_INVALID services[0].objective",
    ],
    ["a pair of one", "us: {eu: 80}", "us: {us: 80}", "FIELD_INVALID rttMs.us.us: f.yaml line 9"],
    [
      "no clusters",
      "clusters:",
      "cluster:",
      "UNKNOWN_FIELD cluster: f.yaml line 6: there is no such field; did you mean clusters?",
    ],
    ["a second document", "kind: Fleet", "kind: Fleet\n---\na: 1", "FIELD_INVALID : f.yaml line 4"],
    ["no YAML", "clusters:", "clusters: [", "YAML_SYNTAX"],
  ])("refuses %s", (_, from, to, start) => {
    expect(FULL).toContain(from);
    expect(said(FULL.replace(from, to)).find((line) => line.startsWith(start))).toBeDefined();
  });

  it("says of JSON what it says of the same YAML, with the line", () => {
    const json = JSON.stringify({ ...(toPlain(read(FULL)) as object), localRtMs: 1 }, null, 1);
    const line = json.split("\n").findIndex((text) => text.includes("localRtMs")) + 1;
    expect(said(json)).toEqual([
      `UNKNOWN_FIELD localRtMs: f.yaml line ${line}: there is no such field; did you mean localRttMs?`,
    ]);
    expect(said('{"a": 1, "b": {"x": 1,\n "x": 2}}')).toEqual([
      'DUPLICATE_KEY x: f.yaml line 2: has "x" a second time; the first is on line 1',
    ]);
    expect(said(`{"a": ${"[".repeat(100)}${"]".repeat(100)}}`)).toEqual(["DOC_TOO_LARGE : f.yaml is nested too deep"]);
  });

  it("takes what programs export, far beyond what people write", () => {
    const names = Array.from({ length: 100 }, (_, at) => `c${at}`);
    const service = (at: number) => ({
      name: `shop/s${at}`,
      demandRps: Object.fromEntries(names.map((name) => [name, at])),
      destinations: names.slice(0, 8).map((cluster) => ({ cluster, version: "v1", servers: 4, meanWorkMs: 12.5 })),
    });
    const text = JSON.stringify(
      {
        apiVersion: "weir.dev/v1",
        kind: "Fleet",
        clusters: names.map((name) => ({ name })),
        services: Array.from({ length: 400 }, (_, at) => service(at)),
      },
      null,
      2,
    );
    expect(text.length).toBeGreaterThan(1_048_576);
    expect(read(text).services).toHaveLength(400);
  });

  it("keeps to its limits", () => {
    const limits = { bytesMax: 1_000, lexemesMax: 1_000, valuesMax: 20 };
    const small = readFleetDocument(MINIMAL, "f.yaml", { ...limits, valuesMax: 10 });
    expect(small).toMatchObject({ refusal: [{ code: "DOC_TOO_LARGE", message: "f.yaml has more than 10 values" }] });
    const json = readFleetDocument(JSON.stringify(toPlain(read(MINIMAL))), "f.json", { ...limits, valuesMax: 10 });
    expect(json).toMatchObject({ refusal: [{ code: "DOC_TOO_LARGE", message: "f.json has more than 10 values" }] });
    expect(readFleetDocument(" ".repeat(1_001), "f", limits)).toMatchObject({ refusal: [{ code: "DOC_TOO_LARGE" }] });
  });
});

describe("writeFleetDocument", () => {
  it("writes what reads back as the same document, in YAML and in JSON", () => {
    fc.assert(
      fc.property(fleetDocuments, (document) => {
        expect(read(writeFleetDocument(document))).toEqual(document);
        expect(read(JSON.stringify(toPlain(document)))).toEqual(document);
      }),
      { numRuns: 60 },
    );
  });

  it("leaves out what need not be said, and keeps a destination on a line", () => {
    expect(writeFleetDocument(read(MINIMAL))).toBe(`apiVersion: weir.dev/v1
kind: Fleet
clusters:
  - { name: eu }
services:
  - name: shop/checkout
    stableVersion: v1
    destinations:
      - { cluster: eu, version: v1, servers: 2, meanWorkMs: 20 }
`);
  });
});
