import type { Client, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { AgentService } from "../../proto/gen/weir/v1/agent_pb.ts";
import type {
  BusCredentials,
  ConnectRequestSchema,
  ConnectResponse,
  Goodbye,
} from "../../proto/gen/weir/v1/agent_pb.ts";
import { rpcService } from "../../src/wire/rpc.ts";
import type { Preserialized } from "../../src/wire/rpc.ts";
import { readCanonicalDelta } from "../../src/wire/canonical-stream.ts";
import { acknowledgementBytes } from "../../src/wire/stream-bytes.ts";
import type { PlainDelta } from "../../src/wire/stream-bytes.ts";
import type { Reply } from "./agent.ts";
import { fullJitterMs, pause } from "./clock.ts";
import { messageOf } from "./durable-file.ts";
import type { AgentIdentity } from "./identity.ts";
import { likelyCause } from "./likely-cause.ts";
import type { AgentLog } from "./log.ts";
import type { Delta } from "./offer.ts";
import { openPlanner, refusalIn } from "./planner-client.ts";

type Said = MessageInitShape<typeof ConnectRequestSchema>;

/** A message up the stream; acknowledgements come as bytes. */
type Request = Said | Preserialized;

/** A message down the stream; plain deltas are read directly. */
type Response = ConnectResponse | PlainDelta;

/** How patient the link is. */
export interface LinkTiming {
  /** Time for one try to connect, in ms. */
  readonly connectTimeoutMs: number;
  /** First and longest pause after failures, in ms; the real pause is anywhere below (full jitter). */
  readonly backOffMs: number;
  readonly backOffMsMax: number;
  /** Pause after a planner said no for a reason that only people can mend, in ms. */
  readonly refusedMs: number;
}

/**
 * Defaults: 1000 agents come back within a minute without more than some 50 tries a second at one planner (reliability
 * L3), and after a partition each is back within 30 s (L1).
 */
export const DEFAULT_LINK_TIMING: LinkTiming = {
  connectTimeoutMs: 5_000,
  backOffMs: 500,
  backOffMsMax: 20_000,
  refusedMs: 2_000,
};

/** What the link connects. */
export interface LinkParts {
  /** host:port of every planner; looked at before each try. */
  readonly planners: () => readonly string[];
  readonly identity: () => AgentIdentity;
  readonly hello: () => NonNullable<Extract<Said["message"], { case: "hello" }>["value"]>;
  readonly receive: (delta: Delta) => Promise<Reply>;
  readonly credentials: (credentials: BusCredentials) => void;
  /** Told when the link comes up and goes down, and why it is down. */
  readonly linked: (state: "up" | "down", why: string) => void;
  /** Told when a newer agent of this cluster took over: this one links no more, and shall not report either. */
  readonly superseded: () => void;
  readonly log: AgentLog;
  readonly timing: LinkTiming;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
}

/** Why a stream ended, and what to do next. */
interface Ended {
  readonly next: "elsewhere" | "back-off" | "refused" | "stand-by";
  readonly why: string;
  /** Whether the planner had answered on it. */
  readonly wasUp: boolean;
}

/** What a planner's goodbye asks for. Everything else means: no use trying again soon. */
const GOODBYES: ReadonlyMap<string, Ended["next"]> = new Map([
  ["SHUTTING_DOWN", "elsewhere"],
  ["TAKEN_OVER", "stand-by"],
]);

/** Deltas that may wait for their turn; a planner has one in flight, so that more is a planner that does not wait. */
const WAITING_MAX = 4;

/**
 * The stream on which plans come: opened by the agent, kept open, opened again for ever, at whichever planner answers.
 * While it is down nothing changes in the cluster.
 */
export class PlannerLink {
  readonly #parts: LinkParts;
  readonly #stop = new AbortController();
  #stream: ClientDuplexStream<Request, Response> | undefined;
  #running: Promise<void> | undefined;
  #hasNewIdentity = false;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Begins to connect. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Closes the stream for good. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#stream?.cancel();
    await this.#running;
  }

  /** Opens the stream anew with the identity of now: after a renewal. */
  reconnect(): void {
    this.#hasNewIdentity = true;
    this.#stream?.cancel();
  }

  async #run(): Promise<void> {
    const { timing, fraction, planners, log } = this.#parts;
    let failures = 0;
    // Agents that start together shall not all begin at the same planner.
    let turn = Math.floor(fraction() * planners().length);
    while (!this.#stop.signal.aborted) {
      const addresses = planners();
      const address = addresses[turn % addresses.length] ?? "";
      const ended = await this.#stay(address);
      if (this.#stop.signal.aborted) return;
      if (ended.next === "stand-by") {
        log.warn({ why: ended.why }, "a newer agent of this cluster took over; stands by until it is restarted");
        this.#parts.superseded();
        return;
      }
      failures = ended.wasUp ? 0 : failures + 1;
      if (this.#hasNewIdentity) {
        this.#hasNewIdentity = false;
        continue;
      }
      turn += 1;
      log.warn({ address, why: ended.why }, "the link to the planner is down; what is held stays in force");
      await pause(
        pauseMs(ended, { failures, fraction: fraction(), timing, planners: addresses.length }),
        this.#stop.signal,
      );
    }
  }

  /** Stays on one planner until the stream ends. Never throws. */
  async #stay(address: string): Promise<Ended> {
    let client: Client | undefined;
    const identity = this.#parts.identity();
    try {
      client = openPlanner(address, identity);
      const { why, ...ended } = await this.#converse(client, address);
      const isTold = ended.wasUp || ended.next !== "back-off";
      return { ...ended, why: isTold ? why : likelyCause(why, identity, Date.now()) };
    } catch (cause) {
      return { next: "back-off", why: messageOf(cause), wasUp: false };
    } finally {
      client?.close();
      this.#stream = undefined;
    }
  }

  async #converse(client: Client, address: string): Promise<Ended> {
    const { hello, linked, log } = this.#parts;
    const { path, requestSerialize, responseDeserialize } = rpcService(AgentService).connect;
    const read = (bytes: Uint8Array): Response => readCanonicalDelta(bytes) ?? responseDeserialize(bytes);
    const stream = client.makeBidiStreamRequest<Request, Response>(path, requestSerialize, read);
    this.#stream = stream;
    let goodbye: Goodbye | undefined;
    let wasUp = false;
    const up = (): void => {
      if (wasUp) return;
      wasUp = true;
      log.info({ address }, "linked to a planner");
      linked("up", "");
    };
    const inbox = new Inbox(async (delta) => this.#answer(stream, delta));
    const ended = new Promise<Ended>((resolve) => {
      const { connectTimeoutMs } = this.#parts.timing;
      // The stream itself says why there is no connection, and at once; only a silent server is left to this.
      ready(client, connectTimeoutMs).catch(() => {
        resolve({ next: "back-off", why: `no connection within ${connectTimeoutMs} ms`, wasUp });
        stream.cancel();
      });
      stream.on("metadata", up);
      stream.on("data", (response: Response) => {
        up();
        if ("digest" in response) return inbox.push(response, () => stream.cancel());
        const { message } = response;
        if (message.case === "plan") inbox.push(message.value, () => stream.cancel());
        else if (message.case === "credentials") this.#parts.credentials(message.value);
        else if (message.case === "goodbye") {
          goodbye = message.value;
          stream.cancel();
        }
      });
      stream.on("error", (error: ServiceError) => resolve(endedBy(goodbye, { error, wasUp })));
      stream.on("end", () => resolve(endedBy(goodbye, { error: undefined, wasUp })));
    });
    stream.write({ message: { case: "hello", value: hello() } });
    const result = await ended;
    inbox.close();
    if (wasUp) linked("down", result.why);
    return result;
  }

  async #answer(stream: ClientDuplexStream<Request, Response>, delta: Delta): Promise<void> {
    try {
      const reply = await this.#parts.receive(delta);
      // The planner has one delta in flight and waits for this: the stream never fills.
      if (stream.writable) stream.write(requestOf(reply));
    } catch (cause) {
      // No delta may end the process: what is held stays in force, and the planner sees an unanswered one.
      this.#parts.log.error({ cause: messageOf(cause) }, "a delta could not be taken");
      stream.cancel();
    }
  }
}

function requestOf(reply: Reply): Request {
  if (reply.kind === "resync") return { message: { case: "resync", value: {} } };
  const { position, refusals } = reply;
  return acknowledgementBytes({ position, digest: Buffer.from(reply.digest, "hex"), refusals });
}

/** Deltas in the order they came, one at a time. */
class Inbox {
  readonly #take: (delta: Delta) => Promise<void>;
  readonly #waiting: Delta[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(take: (delta: Delta) => Promise<void>) {
    this.#take = take;
  }

  push(delta: Delta, overflow: () => void): void {
    if (this.#waiting.length >= WAITING_MAX) return overflow();
    this.#waiting.push(delta);
    void this.#work();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next !== undefined && !this.#isClosed; next = this.#waiting.shift()) {
      // Each builds on the one before.
      await this.#take(next);
    }
    this.#isBusy = false;
  }
}

async function ready(client: Client, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + timeoutMs, (error) => (error === undefined ? resolve() : reject(error)));
  });
}

function endedBy(
  goodbye: Goodbye | undefined,
  { error, wasUp }: { readonly error: ServiceError | undefined; readonly wasUp: boolean },
): Ended {
  if (goodbye !== undefined) {
    const why = `${goodbye.code}: ${goodbye.detail}`;
    return { next: GOODBYES.get(goodbye.code) ?? "refused", why, wasUp };
  }
  const refusal = error === undefined ? undefined : refusalIn(error);
  if (refusal !== undefined) return { next: "refused", why: `${refusal.code}: ${refusal.message}`, wasUp: false };
  return { next: "back-off", why: error?.details ?? "the planner ended the stream", wasUp };
}

function pauseMs(
  ended: Ended,
  {
    failures,
    fraction,
    timing,
    planners,
  }: { failures: number; fraction: number; timing: LinkTiming; planners: number },
): number {
  // A planner that goes says so to all its agents at once: they spread over a quarter of a second.
  if (ended.next === "elsewhere") return fraction * 250;
  if (ended.next === "refused") return timing.refusedMs * (0.5 + fraction);
  // The pause grows with rounds over all planners, so that the one that lives is found at once.
  const rounds = Math.floor(Math.max(0, failures - 1) / Math.max(1, planners));
  return fullJitterMs(rounds, { baseMs: timing.backOffMs, capMs: timing.backOffMsMax, fraction });
}
