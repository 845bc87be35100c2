import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RequestPolicy as RequestPolicyMessage, RequestPolicySchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import { DEFAULT_REQUEST_POLICY } from "../model/service.ts";
import type { RequestPolicy } from "../model/service.ts";
import type { Checks } from "./checks.ts";
import { RETRY_SCOPES, RETRY_SCOPE_WORDS } from "./words.ts";

/** More tries than this multiply an outage instead of hiding it. */
export const RETRIES_MAX = 10;

/** Longest time any single request may be given: a day. */
export const TIMEOUT_MS_MAX = 86_400_000;

/** A request policy in the wire's form, nothing left to a default. */
export function toRequestPolicy(policy: RequestPolicy): MessageInitShape<typeof RequestPolicySchema> {
  return { ...policy, retryScope: RETRY_SCOPES[policy.retryScope] };
}

/** Reads a request policy; what is 0 or unset gets its default. */
export function requestPolicyOf(
  checks: Checks,
  field: string,
  message: RequestPolicyMessage | undefined,
): RequestPolicy {
  if (message === undefined) return DEFAULT_REQUEST_POLICY;
  const timeout = (name: "connectTimeoutMs" | "perTryTimeoutMs" | "requestTimeoutMs", path: string): number =>
    checks.integer(`${field}.${path}`, message[name] || DEFAULT_REQUEST_POLICY[name], { min: 1, max: TIMEOUT_MS_MAX });
  return {
    connectTimeoutMs: timeout("connectTimeoutMs", "connect_timeout_ms"),
    perTryTimeoutMs: timeout("perTryTimeoutMs", "per_try_timeout_ms"),
    requestTimeoutMs: timeout("requestTimeoutMs", "request_timeout_ms"),
    retries: checks.integer(`${field}.retries`, message.retries ?? DEFAULT_REQUEST_POLICY.retries, {
      min: 0,
      max: RETRIES_MAX,
    }),
    retryScope: checks.choice(`${field}.retry_scope`, { value: message.retryScope, ...RETRY_SCOPE_WORDS }),
  };
}
