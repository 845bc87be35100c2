import { createRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LocalEndpoint } from "../../../../agents/core/ports.ts";
import type { ServiceInput, Site } from "../../../../agents/mesh/envoy/render-input.ts";
import type { Rendered } from "../../../../agents/mesh/envoy/render.ts";
import { renderResources } from "../../../../agents/mesh/envoy/render.ts";
import { createSealer } from "../../../../agents/mesh/envoy/sealer.ts";
import { resourcesIn } from "../../../../agents/mesh/envoy/snapshot.ts";
import { RouterSchema } from "../../../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { HttpConnectionManagerSchema } from "../../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { PreviousHostsPredicateSchema } from "../../../../proto/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { PreviousPrioritiesConfigSchema } from "../../../../proto/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts";
import { HttpProtocolOptionsSchema } from "../../../../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import type { RouteSet } from "../../../../src/model/plan.ts";
import type { ServiceId } from "../../../../src/model/ids.ts";
import { AP, EU, GREETER_SERVICE, US, aRouteSet, routes } from "./fleet/plans.ts";
import type { RouteSetOptions } from "./fleet/plans.ts";

const REGISTRY = createRegistry(
  HttpConnectionManagerSchema,
  RouterSchema,
  HttpProtocolOptionsSchema,
  PreviousHostsPredicateSchema,
  PreviousPrioritiesConfigSchema,
);

const SITE: Site = { cluster: US, address: "10.0.2.1", gateway: { address: "10.0.2.1", port: 15_443 } };
const GATEWAYS = {
  [EU]: { address: "10.0.1.1", port: 15_443 },
  [US]: SITE.gateway,
  [AP]: { address: "10.0.3.1", port: 15_443 },
};
const HERE: readonly LocalEndpoint[] = [
  { address: "10.1.0.5", port: 8_000 },
  { address: "10.1.0.4", port: 8_000 },
];

function anInput(routeSet: RouteSet, more: Partial<ServiceInput> = {}): ServiceInput {
  return { hash: "h", routeSet, local: new Map([["v1", HERE]]), ...more };
}

function us(options: Pick<RouteSetOptions, "weights"> & Partial<RouteSetOptions>): RouteSet {
  return aRouteSet({ cluster: US, gateways: GATEWAYS, ...options });
}

/** Everything a reader needs to judge what the proxies get, one resource after another. */
function textOf(resources: readonly Rendered[]): string {
  const readable = resources.map(({ kind, name, audience, services, schema, message }) => ({
    [`${kind} ${name}`]: { audience, services, resource: toJson(schema, message, { registry: REGISTRY }) },
  }));
  return `${JSON.stringify(readable, null, 2)}\n`;
}

const HALF_ABROAD = us({
  weights: { "eu-west/v1": 5_000, "us-east/v1": 5_000 },
  fallbacks: { "eu-west/v1": { "ap-south/v1": 3_000, "us-east/v1": 7_000 }, "us-east/v1": { "eu-west/v1": 10_000 } },
});

const CANARY = us({
  weights: { "us-east/v1": 9_500, "us-east/v2": 500 },
  fallbacks: { "us-east/v1": { "eu-west/v1": 10_000 }, "us-east/v2": { "us-east/v1": 10_000 } },
  rules: [
    {
      match: { headers: { "x-user": "ana", "x-beta": "yes" } },
      routes: routes({ "us-east/v2": 10_000 }, { "us-east/v2": { "eu-west/v1": 10_000 } }),
    },
  ],
  serves: ["v1", "v2"],
});

const GREETER = us({
  service: GREETER_SERVICE,
  protocol: "grpc",
  port: 7_070,
  weights: { "eu-west/v1": 2_500, "us-east/v1": 7_500 },
  fallbacks: { "eu-west/v1": { "us-east/v1": 10_000 } },
  request: { retryScope: "all", retries: 2 },
});

const BOTH_VERSIONS = new Map([
  ["v1", HERE],
  ["v2", [{ address: "10.1.0.9", port: 8_000, capacityRps: 250 }]],
]);

const CASES: Readonly<Record<string, readonly ServiceInput[]>> = {
  "half-abroad": [anInput(HALF_ABROAD)],
  "half-abroad-avoiding-eu-west": [anInput(HALF_ABROAD, { avoid: EU })],
  "two-versions-and-a-rule-by-header": [anInput(CANARY, { local: BOTH_VERSIONS })],
  "grpc-with-proxyless-clients": [anInput(GREETER)],
  "two-services-on-one-port": [
    anInput(HALF_ABROAD),
    anInput(
      us({ service: "shop/cart" as ServiceId, weights: { "us-east/v1": 10_000 }, request: { retryScope: "none" } }),
    ),
  ],
  "no-endpoint-here": [anInput(us({ weights: { "us-east/v1": 10_000 } }), { local: new Map() })],
};

describe("renderResources", () => {
  it.each(Object.entries(CASES))("gives what golden/%s.json shows", async (name, inputs) => {
    const golden = join(import.meta.dirname, "golden", `${name}.json`);
    await expect(textOf(renderResources(SITE, inputs))).toMatchFileSnapshot(golden);
  });

  it("gives the same bytes whatever the order of its inputs", () => {
    const inputs = CASES["two-services-on-one-port"] ?? [];
    const versions = (given: readonly ServiceInput[]) =>
      [...resourcesIn(createSealer(SITE).seal(given))].map(({ name, version }) => `${name} ${version}`);
    expect(versions(inputs.toReversed()).toSorted()).toEqual(versions(inputs).toSorted());
  });

  it("is what the sealer makes the bytes of, resource by resource", () => {
    const inputs = Object.values(CASES).flat();
    const one = [...new Map(inputs.map((input) => [input.routeSet.service, input])).values()];
    const sealed = createSealer(SITE).seal(one);
    const options = { registry: REGISTRY };
    for (const { kind, name, schema, message } of renderResources(SITE, one)) {
      const bytes = sealed[kind].get(name)?.bytes ?? new Uint8Array();
      const read = toJson(schema, fromBinary(schema, bytes), options);
      expect({ name, read }).toEqual({ name, read: toJson(schema, message, options) });
    }
  });

  it("seals the same whatever was sealed before", () => {
    const sealer = createSealer(SITE);
    const elsewhere = { ...GATEWAYS, [EU]: { address: "10.0.1.2", port: 15_443 } };
    const slower = us({ weights: { "eu-west/v1": 10_000 }, request: { requestTimeoutMs: 9_000 } });
    const steps = [
      ...Object.values(CASES),
      [anInput(us({ weights: { "eu-west/v1": 1_000, "us-east/v1": 9_000 } })), anInput(GREETER)],
      [anInput(us({ weights: { "eu-west/v1": 1_000, "us-east/v1": 9_000 }, gateways: elsewhere })), anInput(GREETER)],
      [anInput(slower), anInput(GREETER, { local: new Map([["v1", HERE.slice(1)]]) })],
    ];
    for (const inputs of [...steps, ...steps.toReversed()]) {
      expect(sealer.seal(inputs)).toEqual(createSealer(SITE).seal(inputs));
    }
  });

  it("changes nothing but a service's own routes when its weights change", () => {
    const sealer = createSealer(SITE);
    const before = sealer.seal([anInput(HALF_ABROAD), anInput(GREETER)]);
    const moved = { ...HALF_ABROAD, rules: [{ match: { headers: {} }, routes: reweighted(HALF_ABROAD) }] };
    const after = sealer.seal([anInput(moved), anInput(GREETER)]);
    const changed = [...resourcesIn(after)].filter(
      ({ kind, name, version }) => before[kind].get(name)?.version !== version,
    );
    expect(changed.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["route outbound/8080"]);
  });
});

function reweighted(routeSet: RouteSet) {
  const [rule] = routeSet.rules;
  return (rule?.routes ?? []).map((route, rank) => ({ ...route, weight: rank === 0 ? 4_000 : 6_000 }));
}
