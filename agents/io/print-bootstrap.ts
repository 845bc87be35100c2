import type { ClusterId } from "../../src/model/ids.ts";
import { badName } from "../../src/model/names.ts";
import type { Config } from "../config/settings.ts";

/** Prints the start-up configuration of a cluster's Envoys; returns what is wrong instead, when something is. */
export async function printBootstrap({ mesh }: Config, cluster: string): Promise<string | undefined> {
  const reason = badName(cluster);
  if (reason !== undefined) return `--envoy-bootstrap: ${JSON.stringify(cluster)} ${reason}; give the cluster's name`;
  if (mesh.kind !== "envoy") return `mesh.kind: is ${mesh.kind}; only the mesh envoy has Envoys to start`;
  // Loaded only here: the agent that runs has no use for it.
  const { envoyBootstrap } = await import("../mesh/envoy/bootstrap.ts");
  process.stdout.write(envoyBootstrap({ cluster: cluster as ClusterId, ads: mesh.xds }));
  return undefined;
}
