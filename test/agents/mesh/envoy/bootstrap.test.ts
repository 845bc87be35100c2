import { describe, expect, it } from "vitest";
import { envoyBootstrap, proxylessBootstrap } from "../../../../agents/mesh/envoy/bootstrap.ts";
import { US } from "./fleet/plans.ts";

const ADS = { address: "127.0.0.1", port: 18_000 };

describe("envoyBootstrap", () => {
  it("appends a caller's lists and merges its objects", () => {
    const extra = {
      cluster_manager: { local_cluster_name: "mine" },
      static_resources: { clusters: [{ name: "other" }], listeners: [{ name: "mine" }] },
      overload_manager: {},
    };
    const read = JSON.parse(envoyBootstrap({ cluster: US, ads: ADS, extra }));
    expect(read.static_resources.clusters.map(({ name }: { name: string }) => name)).toEqual(["weir-agent", "other"]);
    expect(read.static_resources.listeners).toEqual([{ name: "mine" }]);
    expect(read.overload_manager).toEqual({});
    expect(Object.keys(read.cluster_manager).toSorted()).toEqual(["load_stats_config", "local_cluster_name"]);
  });

  it("names the cluster as the zone, without which Envoy keeps no statistics by zone", () => {
    const read = JSON.parse(envoyBootstrap({ cluster: US, ads: ADS }));
    expect(read.node).toEqual({ id: "us-east-envoy", cluster: US, locality: { region: US, zone: US } });
    expect(read.admin).toBeUndefined();
  });
});

describe("what Envoys report", () => {
  it("goes to the agent, load reports as well", () => {
    const { cluster_manager: manager, stats_sinks: sinks } = JSON.parse(envoyBootstrap({ cluster: US, ads: ADS }));
    const services = [...manager.load_stats_config.grpc_services, sinks[0].typed_config.grpc_service];
    const names = services.map(({ envoy_grpc }: { envoy_grpc: { cluster_name: string } }) => envoy_grpc.cluster_name);
    expect(names).toEqual(["weir-agent", "weir-agent"]);
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
