import type { Refusal } from "../model/refusal.ts";

/**
 * Why a replica may be halted. `corrupt`: what it read cannot be built on, until a restart. `store`: the store's
 * settings would lose records, until they are set right. `twin`: an older process has this replica's name, until it is
 * gone. `rolled-back`: an agent knows more than the log, until recovery.
 */
export type HaltCause = "corrupt" | "store" | "twin" | "rolled-back";

const BY_WEIGHT: readonly HaltCause[] = ["corrupt", "store", "twin", "rolled-back"];

/** The reasons for which this replica publishes nothing, and who wants to know when they change. */
export class Halts {
  readonly #reasons = new Map<HaltCause, Refusal>();
  readonly #listeners = new Set<(reason: Refusal | undefined) => void>();
  readonly #onChange: (cause: HaltCause, refusal: Refusal | undefined) => void;

  constructor(onChange: (cause: HaltCause, refusal: Refusal | undefined) => void) {
    this.#onChange = onChange;
  }

  /** Sets or lifts one cause. The first reason of `corrupt` stays: what follows is its consequence. */
  set(cause: HaltCause, refusal: Refusal | undefined): void {
    const known = this.#reasons.get(cause);
    if (known?.message === refusal?.message || (cause === "corrupt" && known !== undefined)) return;
    const before = this.reason();
    if (refusal === undefined) this.#reasons.delete(cause);
    else this.#reasons.set(cause, refusal);
    this.#onChange(cause, refusal);
    const after = this.reason();
    if (after === before) return;
    for (const listener of this.#listeners) listener(after);
  }

  /** Calls back whenever `reason` answers something else. Returns how to stop. */
  onReason(listener: (reason: Refusal | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The weightiest reason; undefined when there is none. */
  reason(): Refusal | undefined {
    return BY_WEIGHT.map((cause) => this.#reasons.get(cause)).find((refusal) => refusal !== undefined);
  }

  /** Whether the store itself cannot be written, or not by this process: then there is no lead to take either. */
  forbidsLead(): boolean {
    return this.#reasons.has("corrupt") || this.#reasons.has("store") || this.isTwin();
  }

  /** Whether an older process has this replica's name. */
  isTwin(): boolean {
    return this.#reasons.has("twin");
  }

  isRolledBack(): boolean {
    return this.#reasons.has("rolled-back");
  }
}
