/** Requests that one load generator sent in one tenth of a second, by how they ended. */
export interface OutcomeBatch {
  readonly kind: "outcomes";
  readonly source: string;
  readonly service: string;
  /** When they were sent: tenths of a second since 1970. */
  readonly tenth: number;
  readonly failed: number;
  /** Successful ones by who answered, `cluster/version`. */
  readonly served: Readonly<Record<string, number>>;
  /** Sum of the latencies of successful ones, in ms. */
  readonly latencyMs: number;
  /** First words of one failure, if any failed. */
  readonly failure?: string;
}

interface Bucket {
  failed: number;
  failure?: string;
  latencyMs: number;
  readonly served: Record<string, number>;
  open: number;
}

/** Collects outcomes of requests by the moment they were sent and hands each tenth over once all in it have ended. */
export class OutcomeCounter {
  readonly #buckets = new Map<number, Bucket>();
  readonly #source: string;
  readonly #service: string;

  constructor(source: string, service: string) {
    this.#source = source;
    this.#service = service;
  }

  /** Notes a request that is sent now; call the result once when it ended. */
  begin(): (outcome: { readonly servedBy: string } | { readonly failure: string }) => void {
    const sentAtMs = Date.now();
    const bucket = this.#bucketAt(Math.floor(sentAtMs / 100));
    bucket.open += 1;
    return (outcome) => {
      bucket.open -= 1;
      if ("failure" in outcome) {
        bucket.failed += 1;
        bucket.failure = outcome.failure;
        return;
      }
      bucket.latencyMs += Date.now() - sentAtMs;
      bucket.served[outcome.servedBy] = (bucket.served[outcome.servedBy] ?? 0) + 1;
    };
  }

  /** Takes the tenths that are over and fully answered. */
  take(): readonly OutcomeBatch[] {
    const now = Math.floor(Date.now() / 100);
    const over = [...this.#buckets].filter(([tenth, bucket]) => tenth < now && bucket.open === 0);
    for (const [tenth] of over) this.#buckets.delete(tenth);
    return over.map(([tenth, { open: _open, ...counts }]) => ({
      kind: "outcomes",
      source: this.#source,
      service: this.#service,
      tenth,
      ...counts,
    }));
  }

  #bucketAt(tenth: number): Bucket {
    const known = this.#buckets.get(tenth);
    if (known !== undefined) return known;
    const fresh: Bucket = { failed: 0, latencyMs: 0, served: {}, open: 0 };
    this.#buckets.set(tenth, fresh);
    return fresh;
  }
}
