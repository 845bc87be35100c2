import { fork } from "node:child_process";
import { join } from "node:path";

/** A registration to submit at the process. */
export interface ProcessQuestion {
  readonly id: number;
  readonly cluster: string;
  readonly requestId: string;
  readonly timeoutMs: number;
}

/** What the process tells. */
export type ProcessReport =
  | { readonly kind: "ready" }
  | {
      readonly kind: "state";
      readonly sequence: number;
      readonly epoch: number;
      readonly clusters: readonly string[];
      readonly isLeading: boolean;
      readonly halted: string | undefined;
    }
  | { readonly kind: "answer"; readonly id: number; readonly outcome: string };

/** The newest state that a process told. */
export type ProcessState = Extract<ProcessReport, { kind: "state" }>;

/** A replica in a process of its own. */
export interface ReplicaProcess {
  readonly name: string;
  state(): ProcessState | undefined;
  /** Registers a cluster at this replica; resolves to `ok`, a refusal's code, or what it threw. */
  register(cluster: string, requestId?: string): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
}

const SUBMIT_TIMEOUT_MS = 20_000;

/** Starts a replica process and waits until it has caught up. */
export async function startReplicaProcess(url: string, name: string): Promise<ReplicaProcess> {
  const child = fork(join(import.meta.dirname, "replica-process.ts"), [url, name], { stdio: "inherit" });
  let state: ProcessState | undefined;
  let asked = 0;
  const waiting = new Map<number, (outcome: string) => void>();
  const ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  child.on("exit", () => {
    gone.resolve();
    ready.reject(new Error(`${name} ended before it was ready`));
    for (const answer of waiting.values()) answer("process ended");
  });
  child.on("message", (report: ProcessReport) => {
    if (report.kind === "ready") ready.resolve();
    if (report.kind === "state") state = report;
    if (report.kind === "answer") waiting.get(report.id)?.(report.outcome);
  });
  await ready.promise;
  return {
    name,
    state: () => state,
    async register(cluster, requestId = "") {
      asked += 1;
      const id = asked;
      const question: ProcessQuestion = { id, cluster, requestId, timeoutMs: SUBMIT_TIMEOUT_MS };
      return await new Promise((resolve) => {
        waiting.set(id, resolve);
        child.send(question);
      });
    },
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill("SIGKILL");
      await gone.promise;
    },
  };
}
