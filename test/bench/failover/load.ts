import { Agent, request } from "node:http";
import { sendAtRandom, sendAtRate } from "../../../deploy/demo/pacer.ts";
import { answerCalls } from "../calls.ts";

/** Where one stream of requests goes. */
export interface LoadTarget {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly rps: number;
  /** Seed of arrivals at random; none: requests are sent evenly spaced. */
  readonly seed?: number;
}

/** One request: when it was sent (ms, this process's clock), how long it took, who answered. */
export interface Sent {
  readonly atMs: number;
  readonly tookMs: number;
  /** Cluster that answered; undefined: failed. */
  readonly servedBy?: string;
  readonly failure?: string;
}

/** No request of a user waits longer. */
const PATIENCE_MS = 10_000;

const agent = new Agent({ keepAlive: true, maxSockets: 4_096 });
const sent = new Map<string, Sent[]>();
const stops: (() => void)[] = [];
const open = new Set<symbol>();

/** Callers of all sources, with every outcome kept. */
answerCalls({
  async start(targets: readonly LoadTarget[]) {
    for (const target of targets) {
      const list: Sent[] = [];
      sent.set(target.key, list);
      stops.push(startSending(target, () => send(target, list)));
    }
    return undefined;
  },
  /** Now, on the clock that `atMs` is on. */
  async now() {
    return performance.now();
  },
  /** Stops sending, waits for what is under way, and hands all outcomes over. */
  async finish() {
    for (const stop of stops.splice(0)) stop();
    const deadline = performance.now() + PATIENCE_MS + 1_000;
    while (open.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    const outcomes = Object.fromEntries(sent);
    sent.clear();
    return outcomes;
  },
  /** One request now; undefined when it fails. */
  async probe(target: LoadTarget) {
    const list: Sent[] = [];
    send(target, list);
    while (list.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return list[0]?.servedBy;
  },
});

function startSending({ rps, seed }: LoadTarget, sendOne: () => void): () => void {
  return seed === undefined ? sendAtRate(rps, sendOne) : sendAtRandom({ rps, seed }, sendOne);
}

function send({ host, port }: LoadTarget, list: Sent[]): void {
  const atMs = performance.now();
  const self = Symbol("request");
  open.add(self);
  const end = (outcome: Pick<Sent, "servedBy" | "failure">): void => {
    // An error may follow an answer; the first of the two counts.
    if (!open.delete(self)) return;
    list.push({ atMs, tookMs: performance.now() - atMs, ...outcome });
  };
  const sending = request({ agent, host, port, path: "/", headers: { host: "checkout.shop" } }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (body += chunk));
    response.on("end", () =>
      end(response.statusCode === 200 ? { servedBy: body } : { failure: `HTTP ${response.statusCode}: ${body}` }),
    );
    response.on("error", (error) => end({ failure: error.message }));
  });
  sending.setTimeout(PATIENCE_MS, () => sending.destroy(new Error("no answer in 10 s")));
  sending.on("error", (error) => end({ failure: error.message }));
  sending.end();
}
