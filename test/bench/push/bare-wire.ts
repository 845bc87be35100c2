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

/** The window that Weir uses as well: HTTP/2's own 64 KiB would be a weaker rival. */
export const FLOW_CONTROL = { "grpc-node.flow_control_window": 1_048_576 } as const;

function pass(bytes: Buffer): Buffer {
  return bytes;
}
