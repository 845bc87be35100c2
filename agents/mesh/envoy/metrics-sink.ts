import type { ServerReadableStream, ServiceDefinition, sendUnaryData } from "@grpc/grpc-js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StreamMetricsResponseSchema } from "../../../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts";
import { MetricsService } from "../../../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts";
import { rpcService } from "../../../src/wire/rpc.ts";
import type { Beside } from "./ads-server.ts";
import type { Counters } from "./counters.ts";
import { createCounters } from "./counters.ts";
import type { MetricsMessage } from "./metrics-message.ts";
import { readMetricsMessage } from "./metrics-message.ts";
import type { Postmark } from "./postmark.ts";
import { createPostmark } from "./postmark.ts";
import type { View } from "./view.ts";

type Answer = sendUnaryData<MessageInitShape<typeof StreamMetricsResponseSchema>>;

export interface MetricsSinkOptions {
  readonly view: View;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

/** Takes the statistics that Envoys send in a fixed rhythm and shows them to `view`. */
export function metricsSink({ view, clock }: MetricsSinkOptions): Beside {
  const startedAt = clock();
  // Kept over reconnections, so that nothing is counted twice.
  const counters = new Map<string, Counters>();
  const postmarks = new Map<string, Postmark>();
  const streamMetrics = (call: ServerReadableStream<MetricsMessage, unknown>, answer: Answer) => {
    let node = "";
    call.on("data", (message: MetricsMessage) => {
      node = message.node ?? node;
      const known = counters.get(node) ?? createCounters(() => clock() - startedAt);
      counters.set(node, known);
      const postmark = postmarks.get(node) ?? createPostmark();
      postmarks.set(node, postmark);
      view.see(node, known.read(message.readings), postmark(message.writtenMs, clock()));
    });
    const gone = () => view.lose(node);
    call.on("end", () => {
      gone();
      answer(null, {});
    });
    call.on("error", gone);
    call.on("cancelled", gone);
  };
  const service = rpcService(MetricsService);
  const method = { ...service.streamMetrics, requestDeserialize: readMetricsMessage };
  const definition = { streamMetrics: method } as unknown as ServiceDefinition;
  return { definition, implementation: { streamMetrics } };
}
