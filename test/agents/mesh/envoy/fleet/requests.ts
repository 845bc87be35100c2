import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** An answer, or what kept one from coming. */
export interface Answer {
  readonly status: number;
  /** Who served it, as it says itself. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Headers that the workload received. */
  readonly received: Readonly<Record<string, string>>;
  readonly ms: number;
  readonly error?: string;
}

export interface Question {
  readonly address: string;
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

/** One request. Never rejects: what failed is an answer of status 0. */
export async function ask(question: Question): Promise<Answer> {
  const started = performance.now();
  const { address, port, path = "/", method = "GET", headers = {}, agent } = question;
  return await new Promise((resolve) => {
    const fail = (error: Error) =>
      resolve({
        status: 0,
        name: "",
        headers: {},
        received: {},
        ms: performance.now() - started,
        error: error.message,
      });
    const outgoing = request(
      { host: address, port, path, method, headers, agent: agent ?? false, timeout: 20_000 },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => (body += text));
        response.on("error", fail);
        response.on("end", () => {
          const { name = "", headers: received = {} } = parse(body);
          const { statusCode: status = 0, headers } = response;
          resolve({ status, name, headers, received, ms: performance.now() - started });
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 20 s")));
    outgoing.on("error", fail);
    outgoing.end();
  });
}

function parse(body: string): { readonly name?: string; readonly headers?: Record<string, string> } {
  try {
    return JSON.parse(body);
  } catch {
    // Envoy's own answers are no JSON: nobody served.
    return {};
  }
}

/** Requests one after another in a fixed rhythm, whatever becomes of them, until stopped. */
export interface Load {
  readonly answers: readonly Answer[];
  /** Starts no more, and waits for all answers. */
  stop(): Promise<readonly Answer[]>;
}

/** Sends `rps` requests a second. Users do not wait for each other's answers, nor does this. */
export function sendLoad(rps: number, one: () => Promise<Answer>): Load {
  const answers: Answer[] = [];
  const open = new Set<Promise<void>>();
  const stopped = new AbortController();
  const started = performance.now();
  const run = async () => {
    for (let sent = 0; !stopped.signal.aborted;) {
      for (const due = ((performance.now() - started) / 1_000) * rps; sent < due; sent++) {
        const mine = one().then((answer) => void answers.push(answer));
        open.add(mine);
        void mine.finally(() => open.delete(mine));
      }
      // The rhythm is the loop's own.
      await sleep(2);
    }
  };
  const running = run();
  return {
    answers,
    stop: async () => {
      stopped.abort();
      await running;
      await Promise.all(open);
      return answers;
    },
  };
}

/** Connections that are kept between requests, as callers do. */
export function keepAlive(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 200 });
}

/** How the answers divide over those who gave them, 0 to 1. */
export function sharesOf(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const counts = countsOf(answers);
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / answers.length]));
}

/** How many answers each gave. */
export function countsOf(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const groups = Map.groupBy(answers, ({ name }) => name);
  return Object.fromEntries([...groups].map(([name, group]) => [name, group.length]));
}

/** Those that did not succeed. */
export function failedOf(answers: readonly Answer[]): readonly Answer[] {
  return answers.filter(({ status }) => status !== 200);
}

/** Waits until `holds`, looking often; fails after `timeoutMs` with what was waited for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  // A poll is a loop that waits.
  for (; !(await holds()); await sleep(20)) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
  }
}
