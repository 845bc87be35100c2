import type { OutcomeBatch } from "./outcome.ts";

/** Requests counted over a stretch of time, by the load generators alone. */
export interface Counted {
  readonly requests: number;
  readonly failed: number;
  /** Of the successful ones. */
  readonly meanLatencyMs: number;
  /** Share of each `cluster/version` among the successful ones, 0 to 1. */
  readonly shares: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

/** Which requests to count. */
export interface Selection {
  /** Sent from here on, ms since 1970. */
  readonly fromMs: number;
  /** Sent before; undefined: up to now. */
  readonly untilMs?: number;
  readonly sources?: readonly string[];
  readonly service?: string;
}

/** All outcomes that the load generators have reported. */
export class Tally {
  readonly #batches: OutcomeBatch[] = [];

  /** Takes a message of a load generator. Anything else is ignored. */
  readonly accept = (message: unknown): void => {
    if (isBatch(message)) this.#batches.push(message);
  };

  count(selection: Selection): Counted {
    return sumUp(this.#select(selection));
  }

  /**
   * Time from `sinceMs` to the start of the first second in which at least `ratio` of the selected requests sent in
   * that second succeed; undefined when none has come yet.
   */
  recoveryMs(selection: Selection & { readonly ratio: number }): number | undefined {
    const first = Math.ceil(selection.fromMs / 100);
    const batches = this.#select(selection);
    const last = Math.max(...batches.map(({ tenth }) => tenth));
    for (let start = first; start + 10 <= last; start += 1) {
      const { requests, failed } = sumUp(batches.filter(({ tenth }) => tenth >= start && tenth < start + 10));
      if (requests > 0 && (requests - failed) / requests >= selection.ratio)
        return Math.max(0, start * 100 - selection.fromMs);
    }
    return undefined;
  }

  #select({ fromMs, untilMs = Number.POSITIVE_INFINITY, sources, service }: Selection): readonly OutcomeBatch[] {
    return this.#batches.filter(
      (batch) =>
        batch.tenth >= Math.ceil(fromMs / 100) &&
        (batch.tenth + 1) * 100 <= untilMs &&
        (sources === undefined || sources.includes(batch.source)) &&
        (service === undefined || batch.service === service),
    );
  }
}

function sumUp(batches: readonly OutcomeBatch[]): Counted {
  const served = new Map<string, number>();
  for (const batch of batches) {
    for (const [key, count] of Object.entries(batch.served)) served.set(key, (served.get(key) ?? 0) + count);
  }
  const succeeded = sum([...served.values()]);
  const failed = sum(batches.map((batch) => batch.failed));
  return {
    requests: succeeded + failed,
    failed,
    meanLatencyMs: succeeded === 0 ? 0 : sum(batches.map((batch) => batch.latencyMs)) / succeeded,
    shares: Object.fromEntries([...served].map(([key, count]) => [key, count / succeeded])),
    failures: batches.flatMap(({ failure }) => failure ?? []),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function isBatch(message: unknown): message is OutcomeBatch {
  return typeof message === "object" && message !== null && "kind" in message && message.kind === "outcomes";
}
