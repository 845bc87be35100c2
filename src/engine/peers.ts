import type { ReplicaHeartbeat } from "../model/heartbeat.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Clock } from "./ports.ts";

interface Heard {
  readonly heartbeat: ReplicaHeartbeat;
  readonly atMs: number;
}

/** The other replicas, as their heartbeats show them on this replica's monotonic clock. */
export class Peers {
  readonly #heard = new Map<string, Heard>();
  readonly #clock: Clock;
  readonly #aliveForMs: number;

  constructor(clock: Clock, aliveForMs: number) {
    this.#clock = clock;
    this.#aliveForMs = aliveForMs;
  }

  /**
   * Takes a heartbeat; returns whether it counts. Of two processes with one name only the older one does, as long as it
   * is heard: the younger one yields, and what it says must not pass for the other's word.
   */
  hear(heartbeat: ReplicaHeartbeat): boolean {
    const known = this.alive(heartbeat.replica);
    if (known !== undefined && isYoungerTwin(heartbeat, known)) return false;
    this.#heard.set(heartbeat.replica, { heartbeat, atMs: this.#clock.monotonicMs() });
    return true;
  }

  /** The newest heartbeat of a replica, if it is fresh. */
  alive(replica: string): ReplicaHeartbeat | undefined {
    const heard = this.#heard.get(replica);
    return heard !== undefined && this.#isFresh(heard) ? heard.heartbeat : undefined;
  }

  /** Event kinds that every live replica knows, of those that this one knows. */
  knownEverywhere(own: readonly string[]): ReadonlySet<string> {
    const others = this.#fresh().map(({ knows }) => new Set(knows));
    return new Set(own.filter((kind) => others.every((knows) => knows.has(kind))));
  }

  /** Clusters whose stream ends at a live replica other than this one. */
  streams(): readonly ClusterId[] {
    return this.#fresh().flatMap(({ streams }) => streams as readonly ClusterId[]);
  }

  #fresh(): readonly ReplicaHeartbeat[] {
    return [...this.#heard.values()].filter((heard) => this.#isFresh(heard)).map(({ heartbeat }) => heartbeat);
  }

  #isFresh({ atMs }: Heard): boolean {
    return this.#clock.monotonicMs() - atMs <= this.#aliveForMs;
  }
}

/** Whether a heartbeat is of another process than the one known by its name, started later and not leading. */
function isYoungerTwin(heartbeat: ReplicaHeartbeat, known: ReplicaHeartbeat): boolean {
  return heartbeat.bootId !== known.bootId && heartbeat.upForMs < known.upForMs && !heartbeat.isLeading;
}
