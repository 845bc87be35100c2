import type { MethodDefinition } from "@grpc/grpc-js";

/** The rival's one method: bytes down, bytes up, nothing looked at. */
export const BARE_CONNECT: MethodDefinition<Buffer, Buffer> = {
  path: "/bench.Broadcast/Connect",
  requestStream: true,
  responseStream: true,
  requestSerialize: pass,
  requestDeserialize: pass,
  responseSerialize: pass,
  responseDeserialize: pass,
};

/** Metadata key by which a bare agent says who it is. */
export const BARE_NAME = "bench-name";

/**
 * What Weir sets on its connections as well, so that neither side does what the other is spared: HTTP/2's own 64 KiB
 * window would be a weaker rival, one that never asks whether its peers are alive a lighter one, and the books that
 * grpc-js keeps of each connection, which nobody reads, a heavier one.
 */
export const CONNECTION_OPTIONS = {
  "grpc-node.flow_control_window": 1_048_576,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.enable_channelz": 0,
} as const;

function pass(bytes: Buffer): Buffer {
  return bytes;
}
