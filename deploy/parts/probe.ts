import type { Host } from "./host.ts";
import type { PartDefinition } from "./part.ts";
import { formatVersion, parseVersion } from "./version.ts";
import type { Version } from "./version.ts";

/** Printing a version takes milliseconds; a cold 100 MB binary on a busy disk takes longer. */
const PROBE_TIMEOUT_MS = 20_000;

/** What asking a binary for its version gave. */
export type Probed =
  | { readonly kind: "usable"; readonly version: string }
  | { readonly kind: "unusable"; readonly reason: string };

/** Runs a binary for its version and judges whether this part may be it. */
export async function probe(host: Host, definition: PartDefinition, path: string): Promise<Probed> {
  const ran = await host.run(path, ["--version"], { timeoutMs: PROBE_TIMEOUT_MS });
  if (!ran.ok) return unusable(`${path} does not run here: ${ran.problem}`);
  const version = versionOf(definition, ran.output);
  if (version === undefined) return unusable(`${path} does not say that it is ${definition.name}`);
  const name = `${path} is ${formatVersion(version)}`;
  if (!definition.accepts(version)) return unusable(`${name}, and ${definition.accepted} is needed`);
  return { kind: "usable", version: formatVersion(version) };
}

function versionOf(definition: PartDefinition, output: string): Version | undefined {
  return parseVersion(definition.versionIn.exec(output)?.[1] ?? "");
}

function unusable(reason: string): Probed {
  return { kind: "unusable", reason };
}
