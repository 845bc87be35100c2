import { monitorEventLoopDelay } from "node:perf_hooks";
import { DEFAULT_SETTINGS } from "../../../src/model/settings.ts";
import { randomFleet } from "../../scenarios/random-fleet.ts";
import { answerCalls } from "../calls.ts";
import { privateMiB } from "../memory.ts";
import { percentile } from "../statistics.ts";
import { fleetEvents } from "./live-fleet.ts";
import { startRealEngine } from "./real-engine.ts";
import type { Size } from "./size-process.ts";

/** Where the engine's store is. */
export interface PauseOptions extends Size {
  readonly url: string;
  readonly creds: string;
}

/** What the engine's thread was like while a whole fleet was planned beside it. */
export interface PauseResult {
  readonly tookMs: number;
  /** How late turns of the event loop came, ms, by the wall clock: what everybody else on the machine does is in it. */
  readonly longestMs: number;
  readonly p99Ms: number;
  /** The longest and the 99th percentile of the turns that computed anything, by the time that they computed, ms. */
  readonly longestComputedMs: number;
  readonly p99ComputedMs: number;
  readonly privateMiB: number;
}

/** Longest that a whole plan may take here. */
const PATIENCE_MS = 600_000;

/** Turns that computed for less are idle. */
const IDLE_MS = 0.05;

answerCalls({
  async plan({ url, creds, ...size }: PauseOptions): Promise<PauseResult> {
    const document = randomFleet({ seed: 50, ...size, capacities: { kind: "arbitrary", low: 0.4, high: 0.75 } });
    const real = await startRealEngine({
      url,
      creds,
      events: (incarnation) => fleetEvents(document, incarnation),
      clusters: document.clusters.map(({ name }) => name),
      settings: { ...DEFAULT_SETTINGS, allocation: "optimum" },
    });
    const waiting = (): number =>
      [...real.engine.state().services.values()].filter(({ rollout }) => rollout === undefined).length;
    const began = performance.now();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const turns = watchTurns();
    while (waiting() > 0) {
      if (performance.now() - began > PATIENCE_MS) throw new Error(`${waiting()} services are not planned yet`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    delay.disable();
    const computedMs = turns.end();
    await real.close();
    return {
      tookMs: performance.now() - began,
      longestMs: delay.max / 1e6,
      p99Ms: delay.percentile(99) / 1e6,
      longestComputedMs: percentile(computedMs, 100),
      p99ComputedMs: percentile(computedMs, 99),
      privateMiB: privateMiB(),
    };
  },
});

/** Notes how long each turn of the event loop computed. */
function watchTurns(): { end(): readonly number[] } {
  const computedMs: number[] = [];
  let last = process.threadCpuUsage();
  let timer: NodeJS.Immediate | undefined;
  const turn = (): void => {
    const now = process.threadCpuUsage();
    const ms = (now.user + now.system - last.user - last.system) / 1_000;
    if (ms >= IDLE_MS) computedMs.push(ms);
    last = now;
    timer = setImmediate(turn);
  };
  timer = setImmediate(turn);
  return {
    end() {
      clearImmediate(timer);
      return computedMs.length > 0 ? computedMs : [0];
    },
  };
}
