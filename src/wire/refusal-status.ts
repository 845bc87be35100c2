import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RefusalDetailSchema } from "../../proto/gen/weir/v1/log_pb.ts";
import type { Refusal, RefusalCode } from "../model/refusal.ts";

/** The numbers of gRPC status codes that refusals use. https://grpc.io/docs/guides/status-codes/ */
export const GRPC_STATUS = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

type StatusName = keyof typeof GRPC_STATUS;

/** Trailing metadata key under which a refusal travels as a `RefusalDetail`. */
export const REFUSAL_METADATA_KEY = "weir-refusal-bin";

/** Longest field path and message in a status: metadata has no room for more than a few KiB. */
const FIELD_LENGTH_MAX = 256;
const MESSAGE_LENGTH_MAX = 1_500;

/** THE table from reason codes to gRPC status. A new code does not compile before it has its line here. */
const STATUS_OF: Readonly<Record<RefusalCode, StatusName>> = {
  WEIGHTS_SUM: "INVALID_ARGUMENT",
  WEIGHT_TYPE: "INVALID_ARGUMENT",
  NO_SERVING_TARGET: "FAILED_PRECONDITION",
  EMPTY_PLAN: "INVALID_ARGUMENT",
  UNKNOWN_FIELD: "INVALID_ARGUMENT",
  DUPLICATE_KEY: "INVALID_ARGUMENT",
  DOC_TOO_LARGE: "RESOURCE_EXHAUSTED",
  YAML_TAG: "INVALID_ARGUMENT",
  YAML_SYNTAX: "INVALID_ARGUMENT",
  FIELD_INVALID: "INVALID_ARGUMENT",
  FIELD_REQUIRED: "INVALID_ARGUMENT",
  UNKNOWN_CLUSTER: "NOT_FOUND",
  UNKNOWN_SERVICE: "NOT_FOUND",
  UNKNOWN_SHIFT: "NOT_FOUND",
  UNKNOWN_DESTINATION: "NOT_FOUND",
  BAD_NAME: "INVALID_ARGUMENT",
  EMPTY_SELECTOR: "INVALID_ARGUMENT",
  SELECTOR_MATCHES_NONE: "NOT_FOUND",
  OVER_CAPACITY: "FAILED_PRECONDITION",
  POLICY_FORBIDS: "FAILED_PRECONDITION",
  ALREADY_EXISTS: "ALREADY_EXISTS",
  STALE_RESOURCE_VERSION: "ABORTED",
  SHIFT_IN_PROGRESS: "FAILED_PRECONDITION",
  SHIFT_ENDED: "FAILED_PRECONDITION",
  CLUSTER_STATE: "FAILED_PRECONDITION",
  STILL_SERVING: "FAILED_PRECONDITION",
  UNSUPPORTED_BY_MESH: "FAILED_PRECONDITION",
  REQUEST_ID_REUSED: "ALREADY_EXISTS",
  STALE_REVISION: "ABORTED",
  REVISION_CONFLICT: "ABORTED",
  STALE_EPOCH: "FAILED_PRECONDITION",
  SEQ_RANGE: "INVALID_ARGUMENT",
  STORE_INCARNATION_CHANGED: "FAILED_PRECONDITION",
  STORE_ROLLED_BACK: "FAILED_PRECONDITION",
  STORE_CORRUPT: "DATA_LOSS",
  STORE_CONFIG: "FAILED_PRECONDITION",
  HASH_MISMATCH: "DATA_LOSS",
  SCHEMA_INVALID: "INVALID_ARGUMENT",
  UNKNOWN_ENUM: "INVALID_ARGUMENT",
  UNKNOWN_REVISION: "NOT_FOUND",
  TOKEN_INVALID: "UNAUTHENTICATED",
  CSR_REFUSED: "INVALID_ARGUMENT",
  CERT_IDENTITY: "UNAUTHENTICATED",
  CERT_EXPIRED: "UNAUTHENTICATED",
  CERT_UNTRUSTED: "UNAUTHENTICATED",
  CERT_USAGE: "UNAUTHENTICATED",
  IDENTITY_MISMATCH: "PERMISSION_DENIED",
  IDENTITY_CLONED: "PERMISSION_DENIED",
  REVOKED: "PERMISSION_DENIED",
  NOT_ACCEPTED: "PERMISSION_DENIED",
  DECODE: "INVALID_ARGUMENT",
  METADATA: "INVALID_ARGUMENT",
  MESH_REJECTED: "FAILED_PRECONDITION",
  APPLY_TIMEOUT: "DEADLINE_EXCEEDED",
  INPUT_SHRINK: "FAILED_PRECONDITION",
  INPUTS_MOVED: "ABORTED",
  PLAN_CHECK_FAILED: "FAILED_PRECONDITION",
  NO_LEADER: "UNAVAILABLE",
  REPLICA_NAME_TAKEN: "UNAVAILABLE",
  NOT_RECOVERABLE: "FAILED_PRECONDITION",
  REPORT_INVALID: "INVALID_ARGUMENT",
  REPORT_RANGE: "INVALID_ARGUMENT",
  NATS_TOO_OLD: "FAILED_PRECONDITION",
  NO_QUORUM: "UNAVAILABLE",
  UPGRADE_IN_PROGRESS: "UNAVAILABLE",
};

/** A refusal as a gRPC server sends it. */
export interface RefusalStatus {
  /** Number of the gRPC status. */
  readonly code: number;
  /** `CODE field: message`, for clients that read no details. */
  readonly details: string;
  /** Serialised `RefusalDetail`, for the metadata key `weir-refusal-bin`. */
  readonly detail: Uint8Array;
}

/** The gRPC status of a refusal. */
export function toStatus(refusal: Refusal): RefusalStatus {
  const code = GRPC_STATUS[STATUS_OF[refusal.code]];
  const field = refusal.field.slice(0, FIELD_LENGTH_MAX);
  const message = refusal.message.slice(0, MESSAGE_LENGTH_MAX);
  const detail = toBinary(RefusalDetailSchema, create(RefusalDetailSchema, { code: refusal.code, field, message }));
  return { code, details: [refusal.code, ...(field === "" ? [] : [field])].join(" ") + `: ${message}`, detail };
}

/** Whether a text is a code that this build knows. */
export function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(STATUS_OF, code);
}

/** Reads the refusal out of a status' metadata; undefined when the bytes hold none that this build knows. */
export function fromStatusDetail(bytes: Uint8Array): Refusal | undefined {
  try {
    const { code, field, message } = fromBinary(RefusalDetailSchema, bytes);
    return isRefusalCode(code) ? { code, field, message } : undefined;
  } catch {
    // A proxy on the way may have put anything here; the status itself still says that it failed.
    return undefined;
  }
}
