import { DiscoveryResponseSchema } from "../../../proto/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { Preserialized } from "../../../src/wire/rpc.ts";
import type { Response } from "./ads-stream.ts";
import { versionOf } from "./snapshot.ts";

const { versionInfo, resources: RESOURCES, typeUrl: TYPE_URL, nonce: NONCE } = DiscoveryResponseSchema.field;

/** Of google.protobuf.Any. */
const ANY_TYPE_URL = 1;
const ANY_VALUE = 2;

/** Wire type of everything in a response: a length with so many bytes. */
const DELIMITED = 2;

/**
 * A response as it goes over the wire: the bytes that its generated message gives. The resources, which are bytes already and may
 * be megabytes, are copied once.
 */
export function encodeResponse({ typeUrl, nonce, resources }: Response): Preserialized {
  // The same resources have the same version on every stream, so that two proxies can be compared.
  const version = versionOf(resources.map((resource) => `${resource.name} ${resource.version}`).join());
  const type = Buffer.from(typeUrl);
  const head = [versionInfo.number, Buffer.from(version)] as const;
  const tail = [
    [TYPE_URL.number, type],
    [NONCE.number, Buffer.from(nonce)],
  ] as const;
  const values = resources.map(({ bytes }) => bytes);
  const anyBytes = values.map((bytes) => fieldLength(type) + fieldLength(bytes));
  const size = anyBytes.reduce((sum, length) => sum + 1 + varintLength(length) + length, 0);
  const out = new Out([head, ...tail].reduce((sum, [, bytes]) => sum + fieldLength(bytes), size));
  out.field(...head);
  for (const [index, bytes] of values.entries()) {
    out.prefix(RESOURCES.number, anyBytes[index] ?? 0);
    out.field(ANY_TYPE_URL, type);
    out.field(ANY_VALUE, bytes);
  }
  for (const field of tail) out.field(...field);
  return new Preserialized(out.bytes);
}

/** Bytes of a field whose number is below 16, so that its tag is one. */
function fieldLength({ length }: Uint8Array): number {
  return 1 + varintLength(length) + length;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

/** Fields, one behind the other, in memory of exactly their size. */
class Out {
  readonly bytes: Buffer;
  #end = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  field(number: number, value: Uint8Array): void {
    this.prefix(number, value.length);
    this.bytes.set(value, this.#end);
    this.#end += value.length;
  }

  prefix(number: number, length: number): void {
    this.bytes[this.#end++] = number * 8 + DELIMITED;
    let rest = length;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.bytes[this.#end++] = (rest % 0x80) + 0x80;
    this.bytes[this.#end++] = rest;
  }
}
