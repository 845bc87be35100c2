import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { ServiceDefinition, sendUnaryData } from "@grpc/grpc-js";
import { GREETER_HELLO } from "./greeter.ts";
import { BusyShare, WorkQueue } from "./work-queue.ts";
import type { WorkQueueOptions } from "./work-queue.ts";

/** A backend to start. */
export interface SampleBackendOptions extends WorkQueueOptions {
  readonly protocol: "http" | "grpc";
  readonly address: string;
  readonly port: number;
  /** Every answer's body: who gave it. */
  readonly answer: string;
  /** Whether answers carry the busy share of the servers as ORCA's `application_utilization`. */
  readonly reportsUtilisation: boolean;
}

/** What a backend has done since its start. */
export interface SampleBackendCounts {
  readonly served: number;
  /** Turned away because the queue was full. */
  readonly refused: number;
  /** Wait for a server now. */
  readonly waiting: number;
}

/** A backend that listens. */
export interface SampleBackend {
  counts(): SampleBackendCounts;
  /** Busy share of its servers over about the last second, 0 to 1. */
  utilisation(): number;
  /** Ends at once, with every connection. */
  stop(): Promise<void>;
}

/** How far back the reported utilisation looks: as far as the agent's reports of traffic, more or less. */
const UTILISATION_MEMORY_MS = 1_000;

/**
 * Starts a backend on `address:port` that queues as a real one does: `servers` requests are worked on at once, each for a time of
 * its own, and the others wait in order of arrival, so that overload shows as waiting. Work is a timer and burns no processor.
 * What its caller gave up is worked on all the same. With a full queue it answers 503, in gRPC RESOURCE_EXHAUSTED.
 *
 *     const backend = await startSampleBackend({ protocol: "http", address: "127.0.0.1", port: 9001, answer: "eu-west", servers: 8,
 *       meanWorkMs: 40, work: "exponential", seed: 7, reportsUtilisation: true });   // 200 requests a second
 *     await backend.stop();
 */
export async function startSampleBackend(options: SampleBackendOptions): Promise<SampleBackend> {
  const work = new Work(options);
  const stop = options.protocol === "http" ? await serveHttp(options, work) : await serveGrpc(options, work);
  return { counts: () => work.counts(), utilisation: () => work.utilisation(), stop };
}

/** Does with timers what the queue reckons. */
class Work {
  readonly #queue: WorkQueue;
  readonly #busy: BusyShare;
  #served = 0;
  #refused = 0;

  constructor(options: WorkQueueOptions) {
    this.#queue = new WorkQueue(options);
    const { servers } = options;
    this.#busy = new BusyShare(this.#queue, { servers, memoryMs: UTILISATION_MEMORY_MS, nowMs: performance.now() });
  }

  /** Calls `done` when a server has worked on it, or `full` at once. */
  take(done: () => void, full: () => void): void {
    const nowMs = performance.now();
    const doneAtMs = this.#queue.admit(nowMs);
    if (doneAtMs === undefined) {
      this.#refused += 1;
      return full();
    }
    // A timer cuts its time to whole ms and fires half a millisecond late on average: the two cancel out.
    setTimeout(() => {
      this.#served += 1;
      done();
    }, doneAtMs - nowMs);
  }

  utilisation(): number {
    return this.#busy.at(performance.now());
  }

  counts(): SampleBackendCounts {
    return { served: this.#served, refused: this.#refused, waiting: this.#queue.waiting(performance.now()) };
  }
}

async function serveHttp(options: SampleBackendOptions, work: Work): Promise<SampleBackend["stop"]> {
  const answer = (response: ServerResponse): void => {
    response.setHeader("content-type", "application/json");
    if (options.reportsUtilisation) response.setHeader("endpoint-load-metrics", orcaText(work.utilisation()));
    response.end(options.answer);
  };
  const refuse = (response: ServerResponse): void => void response.writeHead(503).end();
  const server = createServer((_request, response) => {
    work.take(
      () => answer(response),
      () => refuse(response),
    );
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.address, resolve);
  });
  return async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
}

/** ORCA's form for a header that people can read. */
function orcaText(utilisation: number): string {
  return `TEXT application_utilization=${utilisation.toFixed(4)}`;
}

/** Number of `application_utilization`, a double, in xds.data.orca.v3.OrcaLoadReport. */
const APPLICATION_UTILIZATION = 9;

/** Written by hand: grpc-js' own recorder (1.14) reads its protos from disk for every answer: 13 ms of a processor. */
function orcaTrailer(utilisation: number): Metadata {
  const bytes = new BinaryWriter().tag(APPLICATION_UTILIZATION, WireType.Bit64).double(utilisation).finish();
  const trailer = new Metadata();
  trailer.set("endpoint-load-metrics-bin", Buffer.from(bytes));
  return trailer;
}

async function serveGrpc(options: SampleBackendOptions, work: Work): Promise<SampleBackend["stop"]> {
  const body = Buffer.from(options.answer);
  const server = new Server();
  const hello = (_call: unknown, answer: sendUnaryData<Buffer>): void => {
    work.take(
      () => answer(null, body, options.reportsUtilisation ? orcaTrailer(work.utilisation()) : undefined),
      () => answer({ code: status.RESOURCE_EXHAUSTED, details: "the queue is full" }),
    );
  };
  server.addService({ hello: GREETER_HELLO } satisfies ServiceDefinition, { hello });
  await new Promise<void>((resolve, reject) => {
    const where = `${options.address}:${options.port}`;
    const bound = (error: Error | null): void => (error === null ? resolve() : reject(error));
    server.bindAsync(where, ServerCredentials.createInsecure(), bound);
  });
  return async () => server.forceShutdown();
}
