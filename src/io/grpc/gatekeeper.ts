import { Metadata, ServerInterceptingCall, ServerListenerBuilder, status } from "@grpc/grpc-js";
import type { ServerInterceptor } from "@grpc/grpc-js";
import type { Refusal } from "../../model/refusal.ts";
import { refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { REFUSAL_METADATA_KEY, toStatus } from "../../wire/refusal-status.ts";
import { callerOf } from "./caller.ts";
import type { Audience, Caller } from "./caller.ts";
import type { Connection, ConnectionTable } from "./connection.ts";

/** Knows who is behind each call that a server let in. */
export interface Gatekeeper {
  /** Goes into the server's options. */
  readonly interceptor: ServerInterceptor;
  /** The caller behind a call's metadata; refuses when the gatekeeper did not let that call in. */
  callerOf(metadata: Metadata): Result<Caller, Refusal>;
}

/** Most that a request's metadata may hold. Weir itself sends none. */
const METADATA_ENTRIES_MAX = 64;
const METADATA_BYTES_MAX = 8_192;

/** How long a request's message may take to arrive: a unary call's longest deadline. */
export const UNARY_DEADLINE_MAX_MS = 30_000;

/** Where calls of a server come from. */
export type CallSource = ConnectionTable | { readonly only: Connection };

/**
 * Checks every call of a server before its code runs: who calls, whether its metadata is sane, and whether its message
 * arrives in time. The identity comes from the connection's verified certificate; nothing in the metadata can change it.
 */
export function createGatekeeper(
  source: CallSource,
  { audience, refused }: { readonly audience: Audience; readonly refused: (method: string, refusal: Refusal) => void },
): Gatekeeper {
  const callers = new WeakMap<Metadata, Caller>();
  const interceptor: ServerInterceptor = (method, call) => {
    let isLate: NodeJS.Timeout | undefined;
    return new ServerInterceptingCall(call, {
      start(next) {
        const connection = "only" in source ? source.only : source.find(call.getConnectionInfo());
        if (!method.requestStream) {
          isLate = setTimeout(() => call.sendStatus(LATE), UNARY_DEADLINE_MAX_MS).unref();
        }
        const listener = new ServerListenerBuilder()
          .withOnReceiveMetadata((metadata, proceed) => {
            const caller = inTime(judge(metadata, callerOf(connection, audience)), method.path);
            if (!caller.ok) {
              clearTimeout(isLate);
              refused(method.path, caller.refusal);
              return call.sendStatus(statusOf(caller.refusal));
            }
            callers.set(metadata, caller.value);
            return proceed(metadata);
          })
          .withOnReceiveHalfClose((proceed) => {
            clearTimeout(isLate);
            proceed();
          })
          .withOnCancel(() => clearTimeout(isLate));
        next(listener.build());
      },
      sendMetadata: (metadata, next) => next(metadata),
      sendMessage: (message, next) => next(message),
      sendStatus: (sent, next) => next(sent),
    });
  };
  return { interceptor, callerOf: (metadata) => known(callers.get(metadata)) };
}

const LATE = { code: status.DEADLINE_EXCEEDED, details: "the request's message did not arrive in time" };

function known(caller: Caller | undefined): Result<Caller, Refusal> {
  if (caller !== undefined) return { ok: true, value: caller };
  return refuse({ code: "CERT_UNTRUSTED", field: "", message: "the call did not come through a listener of Weir" });
}

function judge(metadata: Metadata, caller: Result<Caller, Refusal>): Result<Caller, Refusal> {
  if (!caller.ok) return caller;
  const reason = excess(metadata) ?? repetition(metadata);
  if (reason !== undefined) return refuse({ code: "METADATA", field: "", message: reason });
  const claimed = metadata.get(CLAIMED_CLUSTER)[0];
  if (claimed === undefined || claimed === caller.value.name) return caller;
  const message = `metadata ${CLAIMED_CLUSTER} does not name the cluster of the certificate, ${caller.value.name}`;
  return refuse({ code: "IDENTITY_MISMATCH", field: CLAIMED_CLUSTER, message });
}

/** A certificate that has just ended, or begins in a moment, may be exchanged for a better one. Nothing else. */
function inTime(caller: Result<Caller, Refusal>, path: string): Result<Caller, Refusal> {
  if (!caller.ok || !caller.value.isRenewOnly || RENEWALS.has(path)) return caller;
  const message = "the certificate is outside its time; renew it, or check the clocks";
  return refuse({ code: "CERT_EXPIRED", field: "", message });
}

const RENEWALS: ReadonlySet<string> = new Set([
  "/weir.v1.AgentService/RenewCertificate",
  "/weir.v1.AdminService/IssueOperatorCertificate",
]);

/** Proves nothing; but who sends it and means somebody else has a mix-up that should be found early. */
const CLAIMED_CLUSTER = "weir-cluster";

function excess(metadata: Metadata): string | undefined {
  const entries = Object.entries(metadata.toHttp2Headers());
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(String(value)), 0);
  if (entries.length > METADATA_ENTRIES_MAX) return `has ${entries.length} keys; at most ${METADATA_ENTRIES_MAX}`;
  return bytes > METADATA_BYTES_MAX ? `has ${bytes} bytes; at most ${METADATA_BYTES_MAX} are allowed` : undefined;
}

/** HTTP/2 joins repeated keys with commas. Keys that mean something to Weir or to proxies must be there once. */
function repetition(metadata: Metadata): string | undefined {
  for (const key of Object.keys(metadata.getMap())) {
    const values = metadata.get(key);
    const joined = ONCE.test(key) && values.some((value) => typeof value === "string" && value.includes(","));
    if (values.length > 1 || joined) return `the key ${key} is there more than once; send it once`;
  }
  return undefined;
}

const ONCE = /^(weir-|x-weir-|authorization$)/;

/** A refusal in the form that grpc-js sends. */
export function statusOf(refusal: Refusal): { code: status; details: string; metadata: Metadata } {
  const { code, details, detail } = toStatus(refusal);
  const metadata = new Metadata();
  metadata.set(REFUSAL_METADATA_KEY, Buffer.from(detail));
  // grpc-js percent-encodes the text with encodeURI, which throws on half of a surrogate pair.
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- both are gRPC's numbers
  return { code, details: details.toWellFormed(), metadata };
}
