import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { readMetricsMessage } from "../../../../agents/mesh/envoy/metrics-message.ts";
import { StreamMetricsMessageSchema } from "../../../../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts";

const MESSAGE = create(StreamMetricsMessageSchema, {
  identifier: { node: { id: "envoy-1", cluster: "us-east" } },
  envoyMetrics: [
    { name: "requests", metric: [{ counter: { value: 7 }, timestampMs: 1_700_000_000_123n }] },
    { name: "healthy", metric: [{ gauge: { value: 2 } }] },
    { name: "nothing", metric: [] },
    {
      name: "time",
      metric: [
        {
          summary: {
            sampleCount: 4n,
            sampleSum: 100,
            quantile: [
              { quantile: 0.5, value: 12 },
              { quantile: 0.99, value: 80 },
              { quantile: 1, value: Number.NaN },
            ],
          },
        },
      ],
    },
    { name: "idle time", metric: [{ summary: { quantile: [{ quantile: 0.5, value: Number.NaN }] } }] },
  ],
});

describe("a message with statistics", () => {
  it("is read: who sends, and each statistic's value", () => {
    expect(readMetricsMessage(toBinary(StreamMetricsMessageSchema, MESSAGE))).toEqual({
      node: "envoy-1",
      writtenMs: 1_700_000_000_123,
      readings: [
        { name: "requests", isCounter: true, value: 7, quantiles: new Map() },
        { name: "healthy", isCounter: false, value: 2, quantiles: new Map() },
        {
          name: "time",
          isCounter: false,
          value: 0,
          quantiles: new Map([
            [0.5, 12],
            [0.99, 80],
          ]),
          mean: 25,
        },
        { name: "idle time", isCounter: false, value: 0, quantiles: new Map() },
      ],
    });
  });

  it("need not say who sends, nor be without what a newer proxy adds", () => {
    const bytes = toBinary(StreamMetricsMessageSchema, create(StreamMetricsMessageSchema));
    const more = Uint8Array.of((15 << 3) | 2, 3, 1, 2, 3);
    expect(readMetricsMessage(Buffer.concat([bytes, more]))).toEqual({
      node: undefined,
      writtenMs: undefined,
      readings: [],
    });
  });

  it("is refused when it was cut short", () => {
    const bytes = toBinary(StreamMetricsMessageSchema, MESSAGE);
    expect(() => readMetricsMessage(bytes.subarray(0, -1))).toThrow("premature EOF");
  });
});
