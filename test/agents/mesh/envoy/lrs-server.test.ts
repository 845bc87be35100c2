import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Client, credentials, status } from "@grpc/grpc-js";
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import type { EnvoyMesh } from "../../../../agents/mesh/envoy/mesh.ts";
import { createEnvoyMesh } from "../../../../agents/mesh/envoy/mesh.ts";
import type { LoadStatsResponse } from "../../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import {
  LoadStatsRequestSchema,
  LoadStatsResponseSchema,
} from "../../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import type { RouteSet } from "../../../../src/model/plan.ts";
import { CHECKOUT, EU, US, aPlan, aRouteSet, someEndpoints } from "./fleet/plans.ts";
import { until } from "./fleet/requests.ts";

const ADDRESS = "127.61.17.1";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function aMesh(more: Partial<Parameters<typeof createEnvoyMesh>[0]> = {}): Promise<EnvoyMesh> {
  const gateway = { address: ADDRESS, port: 15_443 };
  const ads = { address: ADDRESS, port: 0 };
  const options = { clusterName: US, address: ADDRESS, gateway, ads, envoys: 0, loadReportMs: 2_500, lingerMs: 0 };
  const mesh = await createEnvoyMesh({ ...options, ...more });
  cleanups.push(async () => await mesh.close());
  return mesh;
}

async function apply(mesh: EnvoyMesh, revision: number, routeSet: RouteSet): Promise<void> {
  const endpoints = someEndpoints({ [CHECKOUT]: { v1: [{ address: ADDRESS, port: 9_000 }] } });
  await mesh.apply(aPlan(revision, routeSet), { endpoints, signal: AbortSignal.timeout(5_000) });
}

function halfAbroad(serves: readonly string[]): RouteSet {
  const gateways = { [EU]: { address: "127.61.17.2", port: 15_443 } };
  return aRouteSet({ cluster: US, gateways, serves, weights: { "eu-west/v1": 5_000, "us-east/v1": 5_000 } });
}

/** A stream of load reports, as a proxy keeps one. */
interface Reporting {
  readonly stream: ClientDuplexStream<Uint8Array, LoadStatsResponse>;
  readonly answers: readonly LoadStatsResponse[];
  readonly ended: Promise<ServiceError | undefined>;
  readonly send: (message: MessageInitShape<typeof LoadStatsRequestSchema>) => void;
}

function report(mesh: EnvoyMesh, how: ChannelCredentials = credentials.createInsecure()): Reporting {
  if (!("port" in mesh.ads)) throw new Error("no port");
  const client = new Client(`${ADDRESS}:${mesh.ads.port}`, how, { "grpc.max_send_message_length": -1 });
  cleanups.push(async () => client.close());
  const path = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";
  const serialize = (bytes: Uint8Array) => Buffer.from(bytes);
  const stream = client.makeBidiStreamRequest(path, serialize, (bytes) => fromBinary(LoadStatsResponseSchema, bytes));
  const answers: LoadStatsResponse[] = [];
  stream.on("data", (answer: LoadStatsResponse) => answers.push(answer));
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    stream.on("error", resolve);
    stream.on("end", () => resolve(undefined));
  });
  const send: Reporting["send"] = (message) =>
    void stream.write(toBinary(LoadStatsRequestSchema, create(LoadStatsRequestSchema, message)));
  return { stream, answers, ended, send };
}

const ENVOY = { node: { id: "envoy-1", userAgentName: "envoy" } };

describe("load reports", () => {
  it("are asked of Envoys for what ends at endpoints here, each by itself, and anew when that changes", async () => {
    const mesh = await aMesh();
    await apply(mesh, 1, halfAbroad(["v1"]));
    const { answers, send } = report(mesh);
    send(ENVOY);
    await until("an answer", () => answers.length === 1);
    expect(answers[0]).toMatchObject({
      clusters: ["in/shop/checkout/v1", "out/shop/checkout/us-east/v1"],
      sendAllClusters: false,
      reportEndpointGranularity: true,
    });
    expect(answers[0]?.loadReportingInterval && durationMs(answers[0].loadReportingInterval)).toBe(2_500);

    send(ENVOY);
    await apply(mesh, 2, halfAbroad(["v1", "v2"]));
    await until("another answer", () => answers.length === 2);
    expect(answers[1]?.clusters).toEqual([
      "in/shop/checkout/v1",
      "in/shop/checkout/v2",
      "out/shop/checkout/us-east/v1",
    ]);
    await apply(mesh, 3, {
      ...halfAbroad(["v1", "v2"]),
      request: { ...halfAbroad([]).request, connectTimeoutMs: 300 },
    });
    expect(answers).toHaveLength(2);
  });

  it("are asked of an Envoy that came before the first plan once there is one", async () => {
    const mesh = await aMesh();
    const { answers, send } = report(mesh);
    send(ENVOY);
    // The other kind of client is answered at once: by then the Envoy is known as well.
    const other = report(mesh);
    other.send({ node: { id: "caller", userAgentName: "gRPC Node Pure JS" } });
    await until("the caller is answered", () => other.answers.length === 1);
    expect(other.answers[0]).toMatchObject({ sendAllClusters: true, clusters: [] });
    expect(answers).toEqual([]);
    await apply(mesh, 1, halfAbroad(["v1"]));
    await until("the Envoy is answered", () => answers.length === 1);
    expect(other.answers).toHaveLength(1);
  });

  it("are believed of endpoints here, and from Envoys only", async () => {
    const mesh = await aMesh();
    await apply(mesh, 1, halfAbroad(["v1"]));
    const caller = report(mesh);
    caller.send({
      node: { id: "caller", userAgentName: "gRPC Node Pure JS" },
      clusterStats: [busy("us-east/v1", 0.9)],
    });
    await until("the caller is answered", () => caller.answers.length === 1);
    const envoy = report(mesh);
    envoy.send({ ...ENVOY, clusterStats: [busy("eu-west/v1", 0.9), busy("us-east/v1", 0.3)] });
    await until("the Envoy is answered", () => envoy.answers.length === 1);
    expect(mesh.takeWindow().utilisations).toMatchObject([{ service: CHECKOUT, version: "v1", utilisation: 0.3 }]);
  });

  it("are refused when they are no load reports, or too long, and others go on", async () => {
    const mesh = await aMesh();
    await apply(mesh, 1, halfAbroad(["v1"]));
    const garbage = report(mesh);
    garbage.stream.write(Uint8Array.of(0x12, 0xff, 0xff, 0xff, 0x01));
    expect((await garbage.ended)?.code).toBe(status.INTERNAL);
    const long = report(mesh);
    long.send({ node: { id: "x".repeat(16 * 1_024 * 1_024), userAgentName: "envoy" } });
    expect((await long.ended)?.code).toBe(status.RESOURCE_EXHAUSTED);
    const sound = report(mesh);
    sound.send(ENVOY);
    await until("an answer", () => sound.answers.length === 1);
  });
});

/** One endpoint of this destination said once how busy it is. */
function busy(
  zone: string,
  share: number,
): NonNullable<MessageInitShape<typeof LoadStatsRequestSchema>["clusterStats"]>[number] {
  const metric = { metricName: "application_utilization", numRequestsFinishedWithMetric: 1n, totalMetricValue: share };
  return {
    clusterName: "out/shop/checkout/us-east/v1",
    loadReportInterval: { seconds: 1n },
    upstreamLocalityStats: [{ locality: { zone }, upstreamEndpointStats: [{ loadMetricStats: [metric] }] }],
  };
}
