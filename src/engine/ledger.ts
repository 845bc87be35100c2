import type { LogRecord } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { reasonOf } from "./deadline.ts";

/** How many records' nonces are remembered: far more than one writer has unsettled, which is one. */
const NONCES_KEPT = 256;

interface Waiter {
  readonly sequence: number;
  readonly wake: () => void;
}

/** The committed state at this replica, who listens to it, and who waits for it to reach a sequence. */
export class Ledger {
  #state: FleetState;
  readonly #listeners = new Set<(state: FleetState, record: LogRecord) => void>();
  readonly #waiters = new Set<Waiter>();
  readonly #records = new Map<number, LogRecord>();

  constructor(state: FleetState) {
    this.#state = state;
  }

  get state(): FleetState {
    return this.#state;
  }

  /** Starts from another state, before anything was folded or told. */
  reset(state: FleetState): void {
    this.#state = state;
  }

  /** Takes the state that a record led to, tells the listeners in order, then wakes who waited. */
  fold(state: FleetState, record: LogRecord): void {
    this.#state = state;
    this.#records.set(record.sequence, record);
    this.#records.delete(record.sequence - NONCES_KEPT);
    for (const listener of this.#listeners) listener(state, record);
    for (const waiter of this.#waiters) {
      if (waiter.sequence <= state.sequence) waiter.wake();
    }
  }

  /** The record at a recent sequence. */
  recordAt(sequence: number): LogRecord | undefined {
    return this.#records.get(sequence);
  }

  onCommit(listener: (state: FleetState, record: LogRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once the record at `sequence` is folded; rejects with the signal's reason when it aborts first. */
  async reached(sequence: number, signal: AbortSignal): Promise<void> {
    if (this.#state.sequence >= sequence) return;
    await new Promise<void>((resolve, reject) => {
      const end = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", abort);
      };
      const abort = (): void => {
        end();
        reject(reasonOf(signal));
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const waiter: Waiter = { sequence, wake };
      if (signal.aborted) return abort();
      this.#waiters.add(waiter);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}
