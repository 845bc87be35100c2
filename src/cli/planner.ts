import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { REFUSAL_METADATA_KEY, fromStatusDetail } from "../wire/refusal-status.ts";
import type { Refusal } from "../model/refusal.ts";
import type { RpcMethod } from "../wire/rpc.ts";
import { notPlanner } from "../wire/spiffe.ts";
import { EXIT, Failure, misused, refused, unreachable } from "./failure.ts";
import { duration } from "./notation.ts";
import { likelyCause } from "./likely-cause.ts";
import type { Credentials, Target } from "./target.ts";

/** Pause before a request is made again while the planners choose a leader. */
const LEADERLESS_PAUSE_MS = 300;

/** Least time that one replica gets to answer before the next is asked. */
const ATTEMPT_MS_MIN = 1_000;

/** Larger answers come from no planner: the whole status of a large fleet has a few MiB. */
const ANSWER_BYTES_MAX = 64 * 1_048_576;

type Method<I extends DescMessage, O extends DescMessage> = RpcMethod<I, O>;

/**
 * The planner's replicas as one. Any of them serves; one that does not answer is passed over. Writes carry request ids, so
 * that asking again does nothing twice.
 */
export class Planner {
  readonly #target: Target;
  readonly #timeoutMs: number;
  readonly #clients: readonly Client[];

  /**
   * @param timeoutMs - time for one unary request, all attempts included. Streams have none.
   */
  constructor(target: Target, timeoutMs: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#clients = clientsOf(target);
  }

  /** Makes one request and returns its answer. Fails with a refusal, or with why no planner could be reached. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    signal: AbortSignal,
  ): Promise<MessageShape<O>> {
    const deadlineMs = performance.now() + this.#timeoutMs;
    for (;;) {
      const answer = await this.#round(method, request, { deadlineMs, signal });
      if (answer.ok) return answer.value;
      const { error } = answer;
      const isLate = performance.now() + LEADERLESS_PAUSE_MS >= deadlineMs;
      if (refusalOf(error)?.code !== "NO_LEADER" || isLate) throw await this.#failure(error);
      await sleep(LEADERLESS_PAUSE_MS, undefined, { signal });
    }
  }

  /** Asks one replica after the other until one answers. */
  async #round<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Attempt<MessageShape<O>>> {
    let last: Attempt<MessageShape<O>> | undefined;
    for (const [index, client] of this.#clients.entries()) {
      const remainingMs = deadlineMs - performance.now();
      const share = Math.max(ATTEMPT_MS_MIN, remainingMs / (this.#clients.length - index));
      last = await attempt(client, method, { request, timeoutMs: Math.min(share, remainingMs), signal });
      if (last.ok || !isSilence(last.error)) return last;
    }
    if (last === undefined) throw misused("no planner is known");
    return last;
  }

  /**
   * Yields what a stream sends, and opens it anew at another replica when the one that served it goes away. Ends when the
   * server ends it, or on `signal`. What a stream sends first is the whole state, so that nothing is missed in between.
   */
  async *watch<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    signal: AbortSignal,
  ): AsyncGenerator<MessageShape<O>> {
    let [silentSinceMs, turn] = [performance.now(), 0];
    for (;;) {
      const client = this.#clients[turn % this.#clients.length];
      if (client === undefined) throw misused("no planner is known");
      try {
        for await (const message of opened(client, method, { request, signal })) {
          silentSinceMs = performance.now();
          yield message;
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        const isLate = performance.now() - silentSinceMs > this.#timeoutMs;
        if (!isServiceError(error) || !isSilence(error) || isLate) throw await this.#failure(error);
        turn += 1;
        await sleep(LEADERLESS_PAUSE_MS, undefined, { signal });
      }
    }
  }

  async #failure(error: unknown): Promise<unknown> {
    if (!isServiceError(error)) return error;
    const refusal = refusalOf(error);
    if (refusal !== undefined) return refused(refusal);
    if (error.code === status.DEADLINE_EXCEEDED) {
      const line = `no answer from ${this.#target.words} within ${duration(this.#timeoutMs)}`;
      return unreachable(line, "the planner may be overloaded; --request-timeout gives it longer");
    }
    if (error.code === status.UNAVAILABLE) return likelyCause(this.#target, error.details);
    const name = status[error.code] ?? String(error.code);
    return new Failure(`${name}: ${error.details}`, { exitCode: EXIT.refused });
  }

  /** Closes every connection. */
  close(): void {
    for (const client of this.#clients) client.close();
  }
}

function clientsOf(target: Target): readonly Client[] {
  try {
    return target.endpoints.map((endpoint) => clientOf(endpoint, target.credentials));
  } catch (error) {
    // The TLS library looks at the files here already, and says what is wrong in its own words.
    throw likelyCause(target, error instanceof Error ? error.message : String(error));
  }
}

function clientOf(endpoint: string, given: Credentials | undefined): Client {
  const options = {
    "grpc.max_receive_message_length": ANSWER_BYTES_MAX,
    // A replica that went away is noticed at once; waiting long between attempts helps nobody who looks at a prompt.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.enable_http_proxy": 0,
  };
  if (given === undefined) return new Client(endpoint, credentials.createInsecure(), options);
  const { ca, key, certificate, trustDomain } = given;
  // Whatever the address: a TLS server name must be a host name (RFC 6066, 3), and this one's is never compared.
  const named = { ...options, "grpc.ssl_target_name_override": `planner.${trustDomain}` };
  // A planner is known by the name in its certificate and not by its address, which may change.
  const checkServerIdentity = (_host: string, peer: { readonly subjectaltname?: string }): Error | undefined => {
    const reason = notPlanner(trustDomain, peer.subjectaltname);
    return reason === undefined ? undefined : new Error(reason);
  };
  return new Client(endpoint, credentials.createSsl(ca, key, certificate, { checkServerIdentity }), named);
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ServiceError };

interface Asking<I extends DescMessage> {
  readonly request: MessageInitShape<I>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function attempt<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Method<I, O>,
  { request, timeoutMs, signal }: Asking<I>,
): Promise<Attempt<MessageShape<O>>> {
  signal.throwIfAborted();
  return new Promise((resolve) => {
    const { path, requestSerialize, responseDeserialize } = method;
    const options = { deadline: Date.now() + Math.max(1, timeoutMs) };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      options,
      (error, value) => {
        signal.removeEventListener("abort", cancel);
        resolve(
          error === null && value !== undefined ? { ok: true, value } : { ok: false, error: error as ServiceError },
        );
      },
    );
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  });
}

async function* opened<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Method<I, O>,
  { request, signal }: Pick<Asking<I>, "request" | "signal">,
): AsyncGenerator<MessageShape<O>> {
  signal.throwIfAborted();
  const { path, requestSerialize, responseDeserialize } = method;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const cancel = (): void => stream.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for await (const message of stream) yield message as MessageShape<O>;
  } finally {
    signal.removeEventListener("abort", cancel);
    stream.cancel();
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error;
}

/** Whether nobody answered, so that another replica may. A refusal is an answer, whatever its status. */
function isSilence(error: ServiceError): boolean {
  const isStatus = error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED;
  return isStatus && refusalOf(error) === undefined;
}

function refusalOf(error: ServiceError): Refusal | undefined {
  const [detail] = error.metadata?.get(REFUSAL_METADATA_KEY) ?? [];
  return detail instanceof Uint8Array ? fromStatusDetail(detail) : undefined;
}
