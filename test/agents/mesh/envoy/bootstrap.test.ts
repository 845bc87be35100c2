import { describe, expect, it } from "vitest";
import { envoyBootstrap, proxylessBootstrap } from "../../../../agents/mesh/envoy/bootstrap.ts";
import { US } from "./fleet/plans.ts";

const ADS = { address: "127.0.0.1", port: 18_000 };

describe("envoyBootstrap", () => {
  it("appends a caller's lists and merges its objects", () => {
    const extra = {
      static_resources: { clusters: [{ name: "other" }], listeners: [{ name: "mine" }] },
      overload_manager: {},
    };
    const read = JSON.parse(envoyBootstrap({ cluster: US, ads: ADS, extra }));
    expect(read.static_resources.clusters.map(({ name }: { name: string }) => name)).toEqual(["weir-agent", "other"]);
    expect(read.static_resources.listeners).toEqual([{ name: "mine" }]);
    expect(read.overload_manager).toEqual({});
  });

  it("names the cluster as the zone, without which Envoy keeps no statistics by zone", () => {
    const read = JSON.parse(envoyBootstrap({ cluster: US, ads: ADS }));
    expect(read.node).toEqual({ id: "us-east-envoy", cluster: US, locality: { region: US, zone: US } });
    expect(read.admin).toBeUndefined();
  });
});

describe("proxylessBootstrap", () => {
  it("is what a gRPC client reads from its environment", () => {
    const read = JSON.parse(proxylessBootstrap({ cluster: US, node: "caller", ads: { socket: "/run/weir/ads.sock" } }));
    expect(read.xds_servers).toEqual([
      { server_uri: "unix:/run/weir/ads.sock", channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] },
    ]);
  });
});
