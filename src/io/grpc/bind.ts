import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import type { Metadata, Server, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import type { sendUnaryData, UntypedHandleCall } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Refusal } from "../../model/refusal.ts";
import { refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { rpcService } from "../../wire/rpc.ts";
import type { Preserialized, RpcMethod } from "../../wire/rpc.ts";
import { faultFields } from "../log.ts";
import type { Metrics } from "../http/metrics.ts";
import type { Caller } from "./caller.ts";
import { statusOf, UNARY_DEADLINE_MAX_MS } from "./gatekeeper.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import { strangeFields, Undecodable } from "./strange-fields.ts";

/** What an implementation knows of a call besides its message. */
export interface Call extends Caller {
  /** Ends with the caller's deadline (at most 30 s for unary calls), with the call, and with the connection. */
  readonly signal: AbortSignal;
}

type Answer<O extends DescMessage> = Promise<Result<MessageInitShape<O>, Refusal>>;

/** Sends one message of a stream; resolves when there is room for the next. Rejects when the stream has ended. */
export type Emit<O extends DescMessage> = (message: MessageInitShape<O>) => Promise<void>;

/**
 * A bidirectional stream; what is written must be in the form that the method's serialiser takes. `R` is what the
 * method's direct reader gives, if it has one.
 */
export type Duplex<I extends DescMessage, O extends DescMessage, R = never> = ServerDuplexStream<
  MessageShape<I> | Undecodable | R,
  MessageInitShape<O> | Preserialized
>;

/**
 * Reads a stream's most frequent message straight from its bytes; undefined for those that the general reader shall see.
 * What it gives stands in the stream where the message would be.
 */
export type DirectReader = (bytes: Uint8Array) => object | undefined;

/** One method's code. */
export type Method<M extends DescMethod> = M["methodKind"] extends "unary"
  ? (request: MessageShape<M["input"]>, call: Call) => Answer<M["output"]>
  : M["methodKind"] extends "server_streaming"
    ? (
        request: MessageShape<M["input"]>,
        call: Call & { readonly emit: Emit<M["output"]> },
      ) => Promise<Result<void, Refusal>>
    : (stream: Duplex<M["input"], M["output"]>, call: Call) => Promise<Result<void, Refusal>>;

/** The code of all methods of a service. */
export type Implementation<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethod ? Method<S["method"][K]> : never;
};

/** What binding needs besides the code. */
export interface Binding {
  readonly gatekeeper: Gatekeeper;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Adds a service to a server. Around each method: the verified caller, a clamped deadline, refusals as status and
 * detail, faults as INTERNAL with nothing of their inside, one audit line per call, and metrics.
 */
export function bindService<S extends DescService>(
  server: Server,
  {
    service,
    code,
    binding,
    readers = {},
  }: {
    service: S;
    code: Implementation<S>;
    binding: Binding;
    /** By method; for bidirectional streams, whose code must know of it. */
    readers?: Partial<Record<keyof S["method"], DirectReader>>;
  },
): void {
  const definition: Record<string, unknown> = {};
  const methods: Record<string, UntypedHandleCall> = {};
  const rpcMethods = rpcService(service) as Record<string, RpcMethod<DescMessage, DescMessage>>;
  for (const method of service.methods) {
    const rpc = rpcMethods[method.localName];
    if (rpc === undefined) continue;
    const reader: DirectReader | undefined = readers[method.localName as keyof S["method"]];
    const requestDeserialize = (bytes: Uint8Array) => reader?.(bytes) ?? decode(rpc, bytes);
    definition[method.localName] = { ...rpc, requestDeserialize };
    methods[method.localName] = bindMethod(method, code[method.localName as keyof typeof code], binding);
  }
  server.addService(definition as never, methods);
}

function decode(rpc: RpcMethod<DescMessage, DescMessage>, bytes: Uint8Array): MessageShape<DescMessage> | Undecodable {
  try {
    return rpc.requestDeserialize(bytes);
  } catch (error) {
    // grpc-js would answer INTERNAL for what is the sender's doing.
    return new Undecodable(error instanceof Error ? error.message : "not a message");
  }
}

function bindMethod(method: DescMethod, code: unknown, binding: Binding): UntypedHandleCall {
  const bound = { method, binding };
  if (method.methodKind === "unary") return unary(code as UnaryCode, bound);
  if (method.methodKind === "server_streaming") return serverStream(code as StreamCode, bound);
  return duplex(code as DuplexCode, bound);
}

type UnaryCode = (request: MessageShape<DescMessage>, call: Call) => Answer<DescMessage>;
type StreamCode = (
  request: MessageShape<DescMessage>,
  call: Call & { readonly emit: Emit<DescMessage> },
) => Promise<Result<void, Refusal>>;
type DuplexCode = (stream: Duplex<DescMessage, DescMessage>, call: Call) => Promise<Result<void, Refusal>>;

interface Bound {
  readonly method: DescMethod;
  readonly binding: Binding;
}

function unary(code: UnaryCode, bound: Bound) {
  return (
    call: ServerUnaryCall<MessageShape<DescMessage>, MessageInitShape<DescMessage>>,
    respond: sendUnaryData<MessageInitShape<DescMessage>>,
  ): void => {
    const leftMs = Math.min(deadlineOf(call) - Date.now(), UNARY_DEADLINE_MAX_MS);
    const signal = leftMs > 0 ? AbortSignal.any([cancelled(call), AbortSignal.timeout(leftMs)]) : AbortSignal.abort();
    const run = async (caller: Call) => answerUnary(code, call.request, caller);
    void perform(bound, { metadata: call.metadata, signal, run }).then((outcome) => {
      if (outcome.kind === "done") respond(null, outcome.value);
      else respond(outcome.status);
    });
  };
}

async function answerUnary(code: UnaryCode, request: MessageShape<DescMessage>, caller: Call): Answer<DescMessage> {
  const reason = strangeFields(request);
  return reason === undefined ? code(request, caller) : undecodable(reason);
}

function serverStream(code: StreamCode, bound: Bound) {
  return (call: ServerWritableStream<MessageShape<DescMessage>, MessageInitShape<DescMessage>>): void => {
    const emit: Emit<DescMessage> = async (message) => emitOn(call, message);
    const run = async (caller: Call): Promise<Result<void, Refusal>> => {
      const reason = strangeFields(call.request);
      return reason === undefined ? code(call.request, { ...caller, emit }) : undecodable(reason);
    };
    void perform(bound, { metadata: call.metadata, signal: cancelled(call), run }).then((outcome) => {
      if (outcome.kind === "done") call.end();
      else call.emit("error", outcome.status);
    });
  };
}

function duplex(code: DuplexCode, bound: Bound) {
  return (call: Duplex<DescMessage, DescMessage>): void => {
    const run = async (caller: Call): Promise<Result<void, Refusal>> => code(call, caller);
    void perform(bound, { metadata: call.metadata, signal: cancelled(call), run }).then((outcome) => {
      if (outcome.kind === "done") call.end();
      else call.emit("error", outcome.status);
    });
  };
}

async function emitOn(
  call: ServerWritableStream<unknown, MessageInitShape<DescMessage>>,
  message: MessageInitShape<DescMessage>,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const gone = (): void => reject(new Error("the caller ended the stream"));
    if (call.cancelled) return gone();
    call.once("cancelled", gone);
    call.write(message, () => {
      call.off("cancelled", gone);
      resolve();
    });
  });
}

type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly status: { code: number; details: string; metadata?: Metadata } };

interface Performance<T> {
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
  readonly run: (call: Call) => Promise<Result<T, Refusal>>;
}

/** Runs one call and writes its audit line, whatever becomes of it. */
async function perform<T>({ method, binding }: Bound, { metadata, signal, run }: Performance<T>): Promise<Outcome<T>> {
  const startedAt = performance.now();
  const caller = binding.gatekeeper.callerOf(metadata);
  const audit = { method: method.parent.typeName + "/" + method.name, actor: caller.ok ? caller.value.actor : "" };
  try {
    // Who wanted its answer before it asked has no use for one: nothing may happen then.
    signal.throwIfAborted();
    const result = caller.ok ? await run({ ...caller.value, signal }) : caller;
    record(binding, { ...audit, startedAt, ...(result.ok ? {} : { refusal: result.refusal }) });
    return result.ok ? { kind: "done", value: result.value } : { kind: "failed", status: statusOf(result.refusal) };
  } catch (error) {
    if (signal.aborted) {
      record(binding, { ...audit, startedAt, code: "CANCELLED" });
      return {
        kind: "failed",
        status: { code: status.DEADLINE_EXCEEDED, details: "the call ended before it was answered" },
      };
    }
    binding.log.error({ ...audit, ...faultFields(error) }, "call failed");
    record(binding, { ...audit, startedAt, code: "FAULT" });
    return { kind: "failed", status: { code: status.INTERNAL, details: "the planner failed; its log says why" } };
  }
}

interface Audit {
  readonly method: string;
  readonly actor: string;
  readonly startedAt: number;
  readonly code?: string;
  readonly refusal?: Refusal;
}

/** Methods that change nothing; their lines are for debugging, those of the others are the audit. */
const STREAMS = /\/(Watch|Connect)/;
const READS = /\/(Get|List|Watch|Preview|Diff|Explain|WhoAmI|Connect)/;

function record({ log, metrics }: Binding, { method, actor, startedAt, refusal, code }: Audit): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  const outcome = refusal?.code ?? code ?? "OK";
  metrics.calls.inc({ method, code: outcome });
  // A stream's length says nothing about the planner.
  if (!STREAMS.test(method)) metrics.callSeconds.observe({ method }, seconds);
  const blame = refusal === undefined ? {} : { field: refusal.field, message: refusal.message };
  const fields = { method, actor, outcome, ...blame, durationMs: Math.round(seconds * 1_000) };
  if (READS.test(method) && outcome === "OK") log.debug(fields, "call");
  else log.info(fields, "call");
}

/** The caller's own deadline, ms since 1970. */
function deadlineOf(call: { getDeadline(): Date | number }): number {
  const deadline = call.getDeadline();
  return deadline instanceof Date ? deadline.getTime() : deadline;
}

function cancelled(call: {
  readonly cancelled: boolean;
  once(event: "cancelled", listener: () => void): unknown;
}): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.once("cancelled", () => controller.abort());
  return controller.signal;
}

/** The refusal for bytes that are no message of this method. */
export function undecodable(reason: string): Result<never, Refusal> {
  return refuse({ code: "DECODE", field: "", message: `the request cannot be decoded: ${reason}` });
}
