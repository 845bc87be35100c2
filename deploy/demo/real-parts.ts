import { PartUnavailable, type Part, type PartName } from "../parts/part.ts";
import { resolvePart } from "../parts/resolve-part.ts";

/** The real programs of one demo. */
export interface RealParts {
  readonly nats: Part;
  /** Undefined: the demo runs with proxyless gRPC alone and says so. */
  readonly envoy: Part | undefined;
  readonly versions: Readonly<Record<string, string>>;
  /** What is left out for want of a part, in words. */
  readonly leftOut: readonly string[];
}

/** Finds or fetches NATS and Envoy. Throws, with how to install it, when NATS cannot be had: nothing runs without. */
export async function findParts(say: (line: string) => void): Promise<RealParts> {
  const nats = await resolvePart("nats-server", { log: say });
  const envoy = await findOrExplain("envoy", say);
  return {
    nats,
    envoy,
    versions: {
      nats: nats.version,
      ...(envoy === undefined ? {} : { envoy: envoy.version }),
      node: process.versions.node,
    },
    leftOut:
      envoy === undefined
        ? [
            "Envoy: only proxyless gRPC callers take part, no round trip is added, and there is no hot-spot and no price",
          ]
        : [],
  };
}

async function findOrExplain(name: PartName, say: (line: string) => void): Promise<Part | undefined> {
  try {
    return await resolvePart(name, { log: say });
  } catch (error) {
    if (!(error instanceof PartUnavailable)) throw error;
    say(error.message);
    return undefined;
  }
}
