import type { ReplicaHeartbeat } from "../model/heartbeat.ts";
import type { Halts } from "./halts.ts";
import type { Clock } from "./ports.ts";

/** What looking out for twins needs. */
export interface TwinParts {
  readonly replica: string;
  /** New at every start. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly halts: Halts;
  /** A twin that was silent for longer is gone, in ms. */
  readonly goneAfterMs: number;
}

/**
 * Looks out for another process with this replica's name: a copied configuration. The log stays right whatever two of one
 * name do, but each would answer what is meant for the other. The younger of the two yields: it leads and publishes
 * nothing until the other is gone.
 */
export class Twin {
  readonly #parts: TwinParts;
  readonly #startedAtMs: number;
  #heardAtMs: number | undefined;

  constructor(parts: TwinParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.monotonicMs();
  }

  /** How long this process has been running, in ms. */
  upForMs(): number {
    return Math.trunc(this.#parts.clock.monotonicMs() - this.#startedAtMs);
  }

  /** Takes a heartbeat of any other process; returns whether it is of a twin, which is no peer. */
  hear({ replica, bootId, upForMs, operatorAddress }: ReplicaHeartbeat): boolean {
    const { clock, halts } = this.#parts;
    if (replica !== this.#parts.replica) return false;
    const own = this.upForMs();
    const isOlder = upForMs > own || (upForMs === own && bootId > this.#parts.bootId);
    if (isOlder) {
      this.#heardAtMs = clock.monotonicMs();
      const where = operatorAddress === "" ? "" : ` (operators reach it at ${operatorAddress})`;
      const message =
        `another process that runs for longer is called ${replica} too${where}: this one leads and publishes nothing. ` +
        "Give each planner a replica name of its own, or stop the other one.";
      halts.set("twin", { code: "REPLICA_NAME_TAKEN", field: "replica", message });
    }
    return true;
  }

  /** Looks whether the twin is gone. */
  look(): void {
    const { clock, halts, goneAfterMs } = this.#parts;
    if (this.#heardAtMs === undefined || clock.monotonicMs() - this.#heardAtMs <= goneAfterMs) return;
    this.#heardAtMs = undefined;
    halts.set("twin", undefined);
  }
}
