import { toJson } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Refusal } from "../model/refusal.ts";
import type { Result } from "../model/result.ts";
import { canonicalJson, isFields } from "./canonical-json.ts";
import { Checks } from "./checks.ts";
import { sha256Hex } from "./sha256.ts";

/** Longest request id. */
const REQUEST_ID_LENGTH_MAX = 128;

/** What tells a repeat of a request from a reuse of its id. */
export interface RequestIdentity {
  /** Chosen by the caller; empty: every call is new. */
  readonly requestId: string;
  /** SHA-256 over the request's kind and content without its id, in hex. */
  readonly requestDigest: string;
}

/** Reads a write's idempotence key and digests its content. Refuses FIELD_INVALID for an id that is too long. */
export function requestIdentity<S extends DescMessage>(
  schema: S,
  message: MessageShape<S>,
): Result<RequestIdentity, Refusal> {
  const content: unknown = toJson(schema, message);
  const { requestId = "", ...rest } = isFields(content) ? content : {};
  const checks = new Checks();
  return checks.result({
    requestId: checks.text("request_id", String(requestId), REQUEST_ID_LENGTH_MAX),
    requestDigest: sha256Hex(`${schema.typeName}\n${canonicalJson(rest)}`),
  });
}

/** An optional `expected_resource_version` as a command's field; 0 means unconditional. */
export function expectedVersionOf(checks: Checks, value: bigint): { readonly expectedResourceVersion?: number } {
  return value === 0n ? {} : { expectedResourceVersion: checks.sequence("expected_resource_version", value) };
}
