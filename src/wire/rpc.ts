import type { DescMessage, DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";

/**
 * A message that is already serialised. The serialisers below pass it through, so that bytes which many streams need
 * are made once.
 */
export class Preserialized {
  readonly bytes: Buffer;
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** What one method looks like to grpc-js: `grpc.MethodDefinition` without importing it. */
export interface RpcMethod<I extends DescMessage, O extends DescMessage> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly originalName: string;
  readonly requestSerialize: (value: MessageInitShape<I> | Preserialized) => Buffer;
  readonly requestDeserialize: (bytes: Uint8Array) => MessageShape<I>;
  readonly responseSerialize: (value: MessageInitShape<O> | Preserialized) => Buffer;
  readonly responseDeserialize: (bytes: Uint8Array) => MessageShape<O>;
}

/** A service of `proto/gen` in the form that grpc-js servers and clients take, keyed by method's local name. */
export type RpcService<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethod
    ? RpcMethod<S["method"][K]["input"], S["method"][K]["output"]>
    : never;
};

/** Makes the grpc-js definition of a generated service. Bytes that do not decode throw, which grpc-js answers for. */
export function rpcService<S extends DescService>(service: S): RpcService<S> {
  const methods = service.methods.map((method) => [method.localName, rpcMethod(service, method)] as const);
  return Object.fromEntries(methods) as unknown as RpcService<S>;
}

function rpcMethod(service: DescService, method: DescMethod): RpcMethod<DescMessage, DescMessage> {
  const { input, output, methodKind } = method;
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    originalName: method.localName,
    requestSerialize: (value) => serialize(input, value),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (value) => serialize(output, value),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

function serialize(schema: DescMessage, value: MessageInitShape<DescMessage> | Preserialized): Buffer {
  if (value instanceof Preserialized) return value.bytes;
  const bytes = toBinary(schema, create(schema, value));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
