import { isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { Client, credentials } from "@grpc/grpc-js";
import type { ChannelOptions, ServiceError } from "@grpc/grpc-js";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { REFUSAL_METADATA_KEY, fromStatusDetail } from "../../src/wire/refusal-status.ts";
import type { RpcMethod } from "../../src/wire/rpc.ts";
import { notPlanner } from "../../src/wire/spiffe.ts";
import type { Refusal } from "../../src/model/refusal.ts";

/** What a connection to a planner needs. Without key and chain it can only join. */
export interface PlannerTrust {
  readonly caPem: string;
  readonly trustDomain: string;
  readonly keyPem?: string;
  readonly chainPem?: string;
}

/** HTTP/2's own 64 KiB window costs a large plan many round trips; 1 MiB halved the slowest (measured). */
const FLOW_CONTROL_WINDOW_BYTES = 1024 * 1024;
/** A planner that vanished without a word is noticed within keepalive + timeout: 15 s (reliability L2). */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A client of one planner over TLS 1.3. The planner is known by its SPIFFE id, not by the address it was dialled at;
 * a server that is not a planner of our authorities gets no byte of ours. Close it after use.
 */
export function openPlanner(address: string, trust: PlannerTrust): Client {
  const secure = createSecureContext({
    ca: trust.caPem,
    minVersion: "TLSv1.3",
    ...(trust.keyPem === undefined || trust.chainPem === undefined ? {} : { key: trust.keyPem, cert: trust.chainPem }),
  });
  const identity = credentials.createFromSecureContext(secure, {
    checkServerIdentity: (_host, { subjectaltname }) => {
      const reason = notPlanner(trust.trustDomain, subjectaltname);
      return reason === undefined ? undefined : new Error(reason);
    },
  });
  return new Client(address, identity, optionsFor(address));
}

function optionsFor(address: string): ChannelOptions {
  const { host } = splitAddress(address);
  return {
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    // Each try is a client of its own with our back-off: a shared connection would bring its own.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    // RFC 6066 forbids addresses as server names.
    ...(isIP(host) === 0 ? {} : { "grpc.ssl_target_name_override": "planner.weir" }),
  };
}

/** Host and port of `host:port` or `[v6]:port`. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const end = address.lastIndexOf(":");
  return { host: address.slice(0, end).replaceAll(/^\[|\]$/g, ""), port: Number(address.slice(end + 1)) };
}

/** A call that failed: the planner's refusal where it gave one, else what the transport says. */
export class CallFailure extends Error {
  readonly refusal: Refusal | undefined;
  constructor(cause: ServiceError) {
    const refusal = refusalIn(cause);
    super(refusal === undefined ? cause.message : `${refusal.code}: ${refusal.message}`, { cause });
    this.refusal = refusal;
  }
}

/** The refusal that a failed call carries, if any. */
export function refusalIn(error: Pick<ServiceError, "metadata">): Refusal | undefined {
  // An error of the transport has no metadata, whatever its type says.
  const [bytes] = (error.metadata as ServiceError["metadata"] | undefined)?.get(REFUSAL_METADATA_KEY) ?? [];
  return bytes instanceof Uint8Array ? fromStatusDetail(bytes) : undefined;
}

/** Calls a method and waits for its one answer, at most until the deadline. Throws `CallFailure`. */
export async function call<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: RpcMethod<I, O>,
  request: { readonly message: MessageInitShape<I>; readonly timeoutMs: number },
): Promise<MessageShape<O>> {
  return await new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request.message,
      { deadline: Date.now() + request.timeoutMs },
      (error, answer) => {
        if (answer === undefined) reject(new CallFailure(error as ServiceError));
        else resolve(answer);
      },
    );
  });
}
