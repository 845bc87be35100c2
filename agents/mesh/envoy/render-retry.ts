import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Protocol, RequestPolicy } from "../../../src/model/service.ts";
import type { RetryPolicySchema } from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";
import {
  HeaderMatcherSchema,
  RetryPolicy_RetryHostPredicateSchema,
  RetryPolicy_RetryPrioritySchema,
} from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";
import { PreviousHostsPredicateSchema } from "../../../proto/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { PreviousPrioritiesConfigSchema } from "../../../proto/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts";
import { milliseconds } from "./render-address.ts";
import { UNSERVED_HEADER } from "./render-names.ts";

type RetryInit = MessageInitShape<typeof RetryPolicySchema>;
type HeaderInit = MessageInitShape<typeof HeaderMatcherSchema>;

/** What never reached a server may always be sent again: no connection, a refused stream, or a gateway that says so. */
const UNSENT = "connect-failure,refused-stream,reset-before-request,retriable-headers";

/** Besides, whatever shows that no answer came from the application. */
const NO_ANSWER = "reset,gateway-error";

/** gRPC answers 200 even when it has no server; the status in the trailers says so. */
const NO_GRPC_ANSWER = `${NO_ANSWER},unavailable`;

/** Methods that may be repeated without another effect (RFC 9110, 9.2.2). */
const IDEMPOTENT_METHODS = "GET|HEAD|OPTIONS|TRACE|PUT|DELETE";

/** A part of a rule's requests, and how they are tried again. */
export interface RetryCase {
  readonly headers: readonly HeaderInit[];
  readonly policy: RetryInit;
}

/** What is tried again of a part of the requests: what reached no server, or whatever the service's scope says. */
type Retried = "unsent" | "everything";

/** How the requests of a service are tried again. More than one case when it depends on the method; the last takes all. */
export function retryCases(request: RequestPolicy, protocol: Protocol): readonly RetryCase[] {
  const retried = retriedOf(request, protocol);
  return retried.map((what, rank) => ({
    headers: rank < retried.length - 1 ? [idempotent()] : [],
    policy:
      what === "unsent"
        ? retry({ on: UNSENT, retries: Math.max(1, request.retries) })
        : retry(afterSending(request, protocol)),
  }));
}

/** How many cases there are. */
export function countRetryCases(request: RequestPolicy, protocol: Protocol): number {
  return retriedOf(request, protocol).length;
}

function retriedOf({ retryScope, retries }: RequestPolicy, protocol: Protocol): readonly Retried[] {
  if (retryScope === "none" || retries === 0) return ["unsent"];
  if (retryScope === "all") return ["everything"];
  // Every gRPC call is a POST: what may be repeated can only be said for all of a service.
  return protocol === "grpc" ? ["unsent"] : ["everything", "unsent"];
}

/** Retries of a gateway over the endpoints of its own cluster: only what no server has seen; the rest is the sender's. */
export function gatewayRetry(): RetryInit {
  return {
    retryOn: "connect-failure,refused-stream,reset-before-request",
    numRetries: 2,
    retryHostPredicate: [PREVIOUS_HOSTS],
    hostSelectionRetryMaxAttempts: 3n,
  };
}

interface Retry {
  readonly on: string;
  readonly retries: number;
  readonly perTryTimeoutMs?: number;
}

function afterSending({ retries, perTryTimeoutMs }: RequestPolicy, protocol: Protocol): Retry {
  return { on: `${UNSENT},${protocol === "grpc" ? NO_GRPC_ANSWER : NO_ANSWER}`, retries, perTryTimeoutMs };
}

const PREVIOUS_HOSTS = create(RetryPolicy_RetryHostPredicateSchema, {
  name: "envoy.retry_host_predicates.previous_hosts",
  configType: {
    case: "typedConfig",
    value: anyPack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)),
  },
});

/** Each try goes to another priority: a silent cluster costs one try, not all of them. */
const PREVIOUS_PRIORITIES = create(RetryPolicy_RetryPrioritySchema, {
  name: "envoy.retry_priorities.previous_priorities",
  configType: {
    case: "typedConfig",
    value: anyPack(PreviousPrioritiesConfigSchema, create(PreviousPrioritiesConfigSchema, { updateFrequency: 1 })),
  },
});

const SAID_UNSERVED = create(HeaderMatcherSchema, {
  name: UNSERVED_HEADER,
  headerMatchSpecifier: { case: "presentMatch", value: true },
});

function retry({ on, retries, perTryTimeoutMs }: Retry): RetryInit {
  return {
    retryOn: on,
    numRetries: retries,
    retriableHeaders: [SAID_UNSERVED],
    retryPriority: PREVIOUS_PRIORITIES,
    retryHostPredicate: [PREVIOUS_HOSTS],
    hostSelectionRetryMaxAttempts: 3n,
    retryBackOff: { baseInterval: milliseconds(10), maxInterval: milliseconds(100) },
    ...(perTryTimeoutMs === undefined ? {} : { perTryTimeout: milliseconds(perTryTimeoutMs) }),
  };
}

function idempotent(): HeaderInit {
  return {
    name: ":method",
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "safeRegex", value: { regex: IDEMPOTENT_METHODS } } },
    },
  };
}
