import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { LocalEndpoint } from "../../../../agents/core/ports.ts";
import type { ClusterLoad } from "../../../../agents/mesh/envoy/load-report.ts";
import { createUtilisations } from "../../../../agents/mesh/envoy/utilisation.ts";
import { UpstreamLocalityStatsSchema } from "../../../../proto/gen/envoy/config/endpoint/v3/load_report_pb.ts";
import type { SocketAddressSchema } from "../../../../proto/gen/envoy/config/core/v3/address_pb.ts";
import { CHECKOUT, US, someEndpoints } from "./fleet/plans.ts";

/** Sum and count of each metric that the endpoint of this port said. */
interface Said {
  readonly port: number;
  readonly application?: readonly [answers: number, total: number];
  readonly cpu?: readonly [answers: number, total: number];
}

function aLoad(endpoints: readonly Said[], more: Partial<Omit<ClusterLoad, "localities">> & { zone?: string } = {}) {
  const { zone = "us-east/v1", ...rest } = more;
  const locality = create(UpstreamLocalityStatsSchema, {
    locality: { zone },
    upstreamEndpointStats: endpoints.map(({ port, application, cpu }) => ({
      address: { address: { case: "socketAddress", value: socketAddress(port) } },
      loadMetricStats: [...metric("application_utilization", application), ...metric("cpu_utilization", cpu)],
    })),
  } satisfies MessageInitShape<typeof UpstreamLocalityStatsSchema>);
  return { envoyCluster: "in/shop/checkout/v1", intervalMs: 1_000, ...rest, localities: [locality] };
}

function socketAddress(port: number): MessageInitShape<typeof SocketAddressSchema> {
  return { address: "10.0.0.1", portSpecifier: { case: "portValue", value: port } };
}

function metric(metricName: string, said: readonly [number, number] | undefined) {
  if (said === undefined) return [];
  return [{ metricName, numRequestsFinishedWithMetric: BigInt(said[0]), totalMetricValue: said[1] }];
}

function aRig(...endpoints: readonly LocalEndpoint[]) {
  let nowMs = 0;
  const utilisations = createUtilisations({ cluster: US, clock: () => nowMs, standsMs: 3_000 });
  utilisations.show(someEndpoints({ [CHECKOUT]: { v1: endpoints } }));
  return {
    add: (load: ClusterLoad, node = "envoy-1") => utilisations.add(node, [load]),
    addAll: (loads: readonly ClusterLoad[]) => utilisations.add("envoy-1", loads),
    take: () => utilisations.take(),
    share: () => utilisations.take()[0]?.utilisation,
    pass: (ms: number) => (nowMs += ms),
  };
}

const at = (port: number, capacityRps?: number): LocalEndpoint => ({
  address: "10.0.0.1",
  port,
  ...(capacityRps === undefined ? {} : { capacityRps }),
});

describe("utilisation", () => {
  it("is the mean over endpoints, however many answers each gave", () => {
    const rig = aRig(at(1), at(2));
    rig.add(
      aLoad([
        { port: 1, application: [90, 81] },
        { port: 2, application: [10, 1] },
      ]),
    );
    expect(rig.take()).toEqual([
      { service: CHECKOUT, version: "v1", utilisation: 0.5, overMs: 1_000, beganAgoMs: 1_000 },
    ]);
  });

  it("counts endpoints by their capacities where all are known", () => {
    const said = [
      { port: 1, application: [10, 9] },
      { port: 2, application: [10, 1] },
    ] as const;
    const whole = aRig(at(1, 300), at(2, 100));
    whole.add(aLoad(said));
    expect(whole.share()).toBeCloseTo(0.7);
    const half = aRig(at(1, 300), at(2));
    half.add(aLoad(said));
    expect(half.share()).toBeCloseTo(0.5);
  });

  it("adds up what several Envoys and envoyClusters say of an endpoint in the same time", () => {
    const rig = aRig(at(1));
    const byGateway = aLoad([{ port: 1, application: [10, 2] }]);
    const local = aLoad([{ port: 1, application: [10, 4] }], { envoyCluster: "out/shop/checkout/us-east/v1/1" });
    rig.addAll([byGateway, local]);
    rig.add(aLoad([{ port: 1, application: [20, 18] }], { intervalMs: 900 }), "envoy-2");
    expect(rig.take()).toMatchObject([{ utilisation: 0.6, overMs: 1_000 }]);
  });

  it.each([
    ["processor's, where the application's is not said", { application: [10, 0], cpu: [10, 3] }, [0.3]],
    ["application's before the processor's", { application: [10, 5], cpu: [10, 3] }, [0.5]],
    ["whole, where it is said to be beyond the limit", { application: [10, 70] }, [1]],
    ["processor's, where the application's cannot be", { application: [10, -10], cpu: [10, 3] }, [0.3]],
    ["nothing, where no number is said", { application: [10, Number.NaN] }, []],
    ["nothing, where infinity is said", { application: [10, Infinity] }, []],
    ["nothing, where less than nothing is said", { application: [10, -1] }, []],
    ["nothing, where nothing is said", {}, []],
  ] as const)("is the %s", (_what, said, expected) => {
    const rig = aRig(at(1));
    rig.add(aLoad([{ port: 1, ...said }]));
    expect(rig.take().map(({ utilisation }) => Number(utilisation.toFixed(6)))).toEqual(expected);
  });

  it("passes over endpoints that say nothing, other clusters', and what Weir did not name", () => {
    const rig = aRig(at(1), at(2));
    rig.add(aLoad([{ port: 1, application: [10, 4] }, { port: 2 }]));
    rig.add(
      aLoad([{ port: 9, application: [10, 9] }], { zone: "eu-west/v1", envoyCluster: "out/shop/checkout/us-east/v1" }),
    );
    rig.add(aLoad([{ port: 1, application: [10, 9] }], { envoyCluster: "mine" }));
    expect(rig.share()).toBeCloseTo(0.4);
  });

  it("stands until the next report, and not for long", () => {
    const rig = aRig(at(1));
    rig.add(aLoad([{ port: 1, application: [10, 4] }]));
    expect(rig.take()).toMatchObject([{ utilisation: 0.4, beganAgoMs: 1_000 }]);
    rig.pass(2_000);
    expect(rig.take()).toMatchObject([{ utilisation: 0.4, beganAgoMs: 3_000 }]);
    rig.pass(1_001);
    expect(rig.take()).toEqual([]);
  });

  it("stands for one Envoy while others, which had no requests, report", () => {
    const rig = aRig(at(1));
    rig.add(aLoad([{ port: 1, application: [10, 4] }]));
    rig.take();
    rig.add(aLoad([]), "envoy-2");
    expect(rig.share()).toBeCloseTo(0.4);
  });

  it("is of all the time that several reports of one Envoy are about", () => {
    const rig = aRig(at(1));
    rig.add(aLoad([{ port: 1, application: [10, 4] }], { intervalMs: 500 }));
    rig.add(aLoad([{ port: 1, application: [10, 8] }], { intervalMs: 600 }));
    expect(rig.take()).toMatchObject([{ utilisation: 0.6, overMs: 1_100, beganAgoMs: 1_100 }]);
  });

  it("ends at once when the next report has nothing to say", () => {
    const rig = aRig(at(1));
    rig.add(aLoad([{ port: 1, application: [10, 4] }]));
    rig.take();
    rig.add(aLoad([]));
    expect(rig.take()).toEqual([]);
  });
});
