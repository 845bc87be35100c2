import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { ServiceSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { ServiceSpec } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { serviceOf, toDocument } from "../../src/cli/service/document.ts";
import { Fields } from "../../src/io/yaml/fields.ts";
import { readYaml } from "../../src/io/yaml/read.ts";
import { Checks } from "../../src/wire/checks.ts";

const HEAD = `kind: Service
name: shop/checkout
port: 8080
stableVersion: v1
`;

/** What a file says, or what it is refused with. */
function read(text: string): ServiceSpec | string {
  const documents = readYaml(new TextEncoder().encode(text), "f");
  const [document] = documents.ok ? documents.value : [];
  if (document === undefined) throw new Error("no document");
  const checks = new Checks();
  const fields = new Fields(document, "", { checks, file: "f" });
  fields.text("kind");
  const { spec } = serviceOf(fields);
  fields.done();
  const result = checks.result(create(ServiceSchema, { spec }).spec);
  if (!result.ok) return `${result.refusal.code} ${result.refusal.field}: ${result.refusal.message}`;
  if (result.value === undefined) throw new Error("no spec");
  return result.value;
}

/** The file that is shown of a declaration. */
function shown(text: string): string {
  const spec = read(text);
  if (typeof spec === "string") throw new Error(spec);
  return stringify(toDocument(create(ServiceSchema, { spec, resourceVersion: 3n })));
}

describe("a service's file", () => {
  it.each<[string, string]>([
    [
      "latency alone, at home",
      "objective: latency\npolicy: {isolation: strict, maxShare: 60.5%, surviveLossOf: any}\n",
    ],
    ["price, in some clusters", "objective: price\npolicy: {allowedClusters: [a, b], deniedClusters: [c]}\n"],
    [
      "a rate, by labels",
      "objective: {dollarsPerRequestMs: 0.002}\npolicy: {requiredLabels: {zone: eu, tier: gold}}\n",
    ],
    [
      "an order of failover, and labels",
      "policy: {deniedLabels: {tier: [test]}, allowedLabels: {zone: [a, b]}, failover: {order: [a, {own: cluster}, {labels: {region: eu}}], orderBySource: {b: [c]}, healthyMin: 0.5}}\n",
    ],
    [
      "a locality, and a release",
      "policy: {localityPenaltyMs: {region: 20}}\nrelease: {shares: {v2: 5%}, maxSourceShare: 25%}\n",
    ],
    ["a release by match", "release: {maxSourceShare: 100%, matches: [{version: v2, headers: {x-canary: '1'}}]}\n"],
    ["a size, and losses", "bytesPerRequest: 20000.5\npolicy: {isolation: nearest, surviveLossOf: [a, b]}\n"],
    [
      "servers",
      "deployments: [{cluster: a, version: v1, capacityRps: 300, servers: 8, meanWorkMs: 20, squaredVariation: 0.5}]\n",
    ],
  ])("is shown as it was written: %s", (_, text) => {
    const written = parse(text) as Readonly<Record<string, unknown>>;
    const file = shown(`${HEAD}${text}`);
    expect(parse(file)).toMatchObject(written);
    expect(read(file)).toEqual(read(shown(file)));
  });

  it("has no curve where it names no servers, and leaves the variation to the planner where it names none", () => {
    const curve = (more: string) => {
      const spec = read(`${HEAD}deployments: [{cluster: a, version: v1${more}}]\n`);
      return typeof spec === "string" ? spec : spec.deployments[0]?.curve;
    };
    expect(curve("")).toBeUndefined();
    expect(curve(", servers: 2, meanWorkMs: 5")).toMatchObject({ servers: 2, meanWorkMs: 5 });
    expect(Object.hasOwn(curve(", servers: 2, meanWorkMs: 5") as object, "squaredVariation")).toBe(false);
  });

  it.each<[string, string]>([
    [
      "policy: {deniedCluster: [a]}",
      "UNKNOWN_FIELD policy.deniedCluster: f line 5: there is no such field; did you mean deniedClusters?",
    ],
    ["policy: {maxShare: 0.6}", "WEIGHT_TYPE policy.maxShare: f line 5: is the number 0.6; a share such as 50%"],
    ["policy: {maxShare: 0%}", "WEIGHT_TYPE policy.maxShare: f line 5: is 0, which lets nobody serve anything"],
    ["policy: {isolation: full}", "FIELD_INVALID policy.isolation: f line 5"],
    ["policy: {surviveLossOf: some}", "FIELD_INVALID policy.surviveLossOf: f line 5"],
    ["policy: {requiredLabels: {zone: 1}}", "FIELD_INVALID policy.requiredLabels.zone: f line 5"],
    ["policy: {allowedClusters: a}", "FIELD_INVALID policy.allowedClusters: f line 5"],
    ["policy: {failover: {}}", "FIELD_REQUIRED policy.failover.order: f line 5"],
    ["policy: {failover: {order: []}}", "EMPTY_SELECTOR policy.failover.order: f line 5"],
    ["policy: {failover: {order: [EU]}}", "BAD_NAME policy.failover.order[0]: f line 5"],
    ["policy: {failover: {order: [{cluster: a}]}}", "EMPTY_SELECTOR policy.failover.order[0]: f line 5"],
    ["policy: {failover: {order: [a], healthyMin: 0%}}", "FIELD_INVALID policy.failover.healthyMin: f line 5"],
    ["policy: {deniedLabels: {tier: []}}", "EMPTY_SELECTOR policy.deniedLabels.tier: f line 5"],
    ["policy: {localityPenaltyMs: {zone: -1}}", "FIELD_INVALID policy.localityPenaltyMs.zone: f line 5"],
    ["release: {matches: [{version: v2}]}", "EMPTY_SELECTOR release.matches[0].headers: f line 5"],
    ["release: {matches: [{version: v2, headers: {A B: c}}]}", "FIELD_INVALID release.matches[0].headers: f line 5"],
    ["release: {}", "FIELD_REQUIRED release.shares: f line 5"],
    ["release: {shares: {v2: 5%}, maxSourceShare: 0%}", "WEIGHT_TYPE release.maxSourceShare: f line 5"],
    ["policy: [a]", "FIELD_INVALID policy: f line 5"],
    ["objective: speed", "FIELD_INVALID objective: f line 5"],
    ["objective: {dollarsPerRequestMs: -1}", "FIELD_INVALID objective.dollarsPerRequestMs: f line 5"],
    ["bytesPerRequest: -1", "FIELD_INVALID bytesPerRequest: f line 5"],
    ["deployments: [{cluster: a, version: v1, meanWorkMs: 5}]", "FIELD_REQUIRED deployments[0].servers: f line 5"],
    ["deployments: [{cluster: a, version: v1, servers: 5}]", "FIELD_REQUIRED deployments[0].meanWorkMs: f line 5"],
    ["deployments: [{cluster: a, version: v1, servers: 1.5, meanWorkMs: 1}]", "FIELD_INVALID deployments[0].servers"],
  ])("is refused at its line: %s", (text, start) => {
    expect(read(`${HEAD}${text}\n`)).toContain(start);
  });
});
