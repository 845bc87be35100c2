import { readFileSync, readdirSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { readFleetDocument } from "../../../src/io/yaml/fleet-document.ts";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import { Misuse } from "../bench.ts";
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

/** Every fleet document of a folder, by name. Throws a `Misuse` with every complaint about every file that cannot be read. */
export function scenariosIn(folder: string): readonly Scenario[] {
  const files = filesIn(folder)
    .filter((file) => EXTENSIONS.has(extname(file)))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (files.length === 0) throw new Misuse(`--scenarios ${folder}: holds no .yaml, .yml or .json file`);
  const reads = files.map((file) => {
    const path = join(folder, file);
    return { name: basename(file, extname(file)), read: readFleetDocument(readFileSync(path, "utf8"), path) };
  });
  const complaints = reads.flatMap(({ read }) => (read.ok ? [] : read.refusal));
  if (complaints.length > 0)
    throw new Misuse(complaints.map(({ field, message }) => `${field}: ${message}`).join("\n"));
  return reads.flatMap(({ name, read }) => (read.ok ? [{ name, document: read.value }] : []));
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw new Misuse(`--scenarios ${folder}: cannot be read as a folder`, { cause });
  }
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
