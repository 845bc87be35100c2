import { readFleetDocument } from "../../../src/io/yaml/fleet-document.ts";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import type { ComputedService } from "../../../src/planner/compute/computed.ts";
import { computeFleet } from "../../../src/planner/compute/fleet.ts";

/** A document from its text, without the first two lines. */
export function fleetOf(text: string): FleetDocument {
  const read = readFleetDocument(`apiVersion: weir.dev/v1\nkind: Fleet\n${text}`, "fleet");
  if (!read.ok) throw new Error(read.refusal.map(({ message }) => message).join("\n"));
  return read.value;
}

/** The plan of the first service of a document. */
export function computed(text: string): ComputedService {
  const [service] = computeFleet(fleetOf(text)).services;
  if (service === undefined) throw new Error("the document has no service");
  return service;
}

/** Weights by source and destination, in words: `{ a: "a/v1 60%, b/v1 40%" }`. */
export function weightsOf({ sources }: ComputedService): Readonly<Record<string, string>> {
  return Object.fromEntries(
    sources.map(({ cluster, weights }) => [
      cluster,
      weights
        .map(({ destination, weight }) => `${destination.cluster}/${destination.version} ${weight / 100}%`)
        .join(", "),
    ]),
  );
}

/** Why a source does not use a destination. */
export function whyNot({ sources }: ComputedService, source: string, destination: string): string {
  const others = sources.find(({ cluster }) => cluster === source)?.others ?? [];
  return (
    others.find((other) => `${other.destination.cluster}/${other.destination.version}` === destination)?.reason ?? ""
  );
}
