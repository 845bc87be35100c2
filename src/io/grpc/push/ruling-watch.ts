import type { Engine } from "../../../engine/ports.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { AgentStream } from "./agent-stream.ts";
import { rulingOn } from "./rulings.ts";
import type { RulingPolicy } from "./rulings.ts";

/** How often agents' fallbacks are held against what the planner knows. */
const LOOK_MS = 1_000;

/** An agent that goes on with its fallback is told again after this long. */
const REPEAT_MS = 10_000;

/** Since when an agent follows a fallback, and when it was last told to stop; on this replica's monotonic clock. */
interface Standing {
  readonly lostCluster: ClusterId;
  readonly seenAt: number;
  readonly ruledAt: number;
}

/** Watches the fallbacks that agents report, and tells an agent when the planner knows better. */
export class RulingWatch {
  readonly #engine: Engine;
  readonly #policy: RulingPolicy;
  readonly #standing = new Map<ClusterId, Standing>();

  constructor({ engine, rulings }: { readonly engine: Engine; readonly rulings: RulingPolicy }) {
    this.#engine = engine;
    this.#policy = rulings;
  }

  /** Looks at the given streams again and again. Returns how to stop. */
  start(streams: () => readonly AgentStream[]): () => void {
    const timer = setInterval(() => this.#look(streams()), LOOK_MS).unref();
    return () => clearInterval(timer);
  }

  #look(streams: readonly AgentStream[]): void {
    const reports = this.#engine.reports();
    for (const stream of streams) {
      const { cluster } = stream.hello;
      const fallback = reports.get(cluster)?.fallback;
      if (fallback === undefined) this.#standing.delete(cluster);
      else this.#judge(stream, fallback);
    }
  }

  #judge(stream: AgentStream, fallback: Parameters<typeof rulingOn>[0]): void {
    const now = performance.now();
    const { cluster } = stream.hello;
    const known = this.#standing.get(cluster);
    const fresh = { lostCluster: fallback.lostCluster, seenAt: now, ruledAt: -Infinity };
    const standing = known?.lostCluster === fallback.lostCluster ? known : fresh;
    this.#standing.set(cluster, standing);
    if (now - standing.ruledAt < REPEAT_MS) return;
    const seen = {
      state: this.#engine.state(),
      observed: this.#engine.observed(),
      standingForMs: now - standing.seenAt,
    };
    const ruling = rulingOn(fallback, seen, this.#policy);
    if (ruling === undefined) return;
    this.#standing.set(cluster, { ...standing, ruledAt: now });
    stream.rule([ruling]);
  }
}
