import type { Destination } from "./destination.ts";
import type { ClusterId, Version } from "./ids.ts";
import type { Rule } from "./plan.ts";

/** A set of destinations that makes no text of them: plans are checked while everybody waits for them. */
export class DestinationSet {
  readonly #versions = new Map<ClusterId, Version | Set<Version>>();

  /** Adds a destination. Says whether it was new. */
  add({ cluster, version }: Destination): boolean {
    const known = this.#versions.get(cluster);
    if (known === version) return false;
    if (known === undefined) this.#versions.set(cluster, version);
    else if (typeof known === "string") this.#versions.set(cluster, new Set([known, version]));
    else if (known.has(version)) return false;
    else known.add(version);
    return true;
  }

  /** Whether it has a destination. */
  has({ cluster, version }: Destination): boolean {
    const known = this.#versions.get(cluster);
    return known === version || (typeof known === "object" && known.has(version));
  }
}

/** The first destination that rules or their fallbacks name and that is not among those known. */
export function firstMissing(rules: readonly Rule[], known: DestinationSet): Destination | undefined {
  for (const { routes } of rules) {
    for (const { destination, fallback } of routes) {
      if (!known.has(destination)) return destination;
      for (const entry of fallback) if (!known.has(entry.destination)) return entry.destination;
    }
  }
  return undefined;
}
