import type { MethodDefinition } from "@grpc/grpc-js";

/** The sample gRPC method. Its messages are raw bytes: what matters is who answers. */
export const GREETER_HELLO: MethodDefinition<Buffer, Buffer> = {
  path: "/shop.Greeter/Hello",
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
};
