import { readFileSync, readdirSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { readFleetDocument } from "../../../src/io/yaml/fleet-document.ts";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import { diurnal } from "../../scenarios/diurnal.ts";
import { randomFleet } from "../../scenarios/random-fleet.ts";

/** A fleet to be divided, with its name in tables. */
export interface Scenario {
  readonly name: string;
  readonly document: FleetDocument;
}

/** Where the fixed scenarios lie. */
export const SCENARIOS = join(import.meta.dirname, "..", "..", "scenarios");

/** Extensions of fleet documents. */
const EXTENSIONS = new Set([".yaml", ".yml", ".json"]);

/** Every fleet document of a folder, by name; throws with every complaint about the first that cannot be read. */
export function scenariosIn(folder: string): readonly Scenario[] {
  return readdirSync(folder)
    .filter((file) => EXTENSIONS.has(extname(file)))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((file) => {
      const path = join(folder, file);
      const read = readFleetDocument(readFileSync(path, "utf8"), path);
      if (!read.ok) throw new Error(read.refusal.map(({ field, message }) => `${field}: ${message}`).join("\n"));
      return { name: basename(file, extname(file)), document: read.value };
    });
}

/** Errors of the capacities that the sized fleets are made with. */
export const SIGMAS = [0.1, 0.2, 0.3, 0.5] as const;

/** The scenarios that seeds make: a day in steps, and fleets of random services. */
export function generatedScenarios(services: number): readonly Scenario[] {
  const arbitrary = (seed: number, high: number): FleetDocument =>
    randomFleet({ seed, services, capacities: { kind: "arbitrary", low: 0.4, high } });
  return [
    { name: "s6-diurnal", document: diurnal(6) },
    { name: "s14-random", document: arbitrary(14, 0.85) },
    ...SIGMAS.map((sigma) => ({
      name: `s14b-sized-${sigma}`,
      document: randomFleet({ seed: 140 + 10 * sigma, services, capacities: { kind: "sized", sigma } }),
    })),
    { name: "s15-random", document: arbitrary(15, 0.75) },
  ];
}
