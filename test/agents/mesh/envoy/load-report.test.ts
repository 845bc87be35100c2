import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { readLoadReport } from "../../../../agents/mesh/envoy/load-report.ts";
import { LoadStatsRequestSchema } from "../../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";

const interval = { seconds: 1n, nanos: 500_000_000 };

function bytesOf(clusterStats: readonly object[], node?: object): Uint8Array {
  return toBinary(
    LoadStatsRequestSchema,
    create(LoadStatsRequestSchema, { clusterStats: [...clusterStats], ...(node === undefined ? {} : { node }) }),
  );
}

describe("a load report", () => {
  it("is read: who sends, and what had requests for how long", () => {
    const locality = { locality: { region: "us-east", zone: "us-east/v1" }, totalIssuedRequests: 7n };
    const bytes = bytesOf(
      [
        { clusterName: "in/shop/cart/v1", loadReportInterval: interval },
        { clusterName: "in/shop/checkout/v1", upstreamLocalityStats: [locality], loadReportInterval: interval },
      ],
      { id: "envoy-1", userAgentName: "envoy" },
    );
    const { node, loads } = readLoadReport(bytes);
    expect(node).toEqual({ id: "envoy-1", isEnvoy: true });
    expect(loads).toMatchObject([
      { envoyCluster: "in/shop/checkout/v1", intervalMs: 1_500, localities: [{ totalIssuedRequests: 7n }] },
    ]);
  });

  it("need not say who sends, and is passed over in what a newer proxy adds", () => {
    // A message in field 15, a number in 15, and another in 100, whose tag takes two bytes.
    const more = Uint8Array.of((15 << 3) | 2, 3, 1, 2, 3, 15 << 3, 5, 0xa0, 0x06, 7);
    expect(readLoadReport(Buffer.concat([bytesOf([]), more]))).toEqual({ node: undefined, loads: [] });
  });

  it("tells gRPC clients from Envoys", () => {
    const { node } = readLoadReport(bytesOf([], { id: "caller", userAgentName: "gRPC Node Pure JS" }));
    expect(node).toEqual({ id: "caller", isEnvoy: false });
  });

  it("is refused when it was cut short", () => {
    const bytes = bytesOf([{ clusterName: "in/shop/cart/v1", loadReportInterval: interval }]);
    expect(() => readLoadReport(bytes.subarray(0, -1))).toThrow("premature EOF");
  });
});
