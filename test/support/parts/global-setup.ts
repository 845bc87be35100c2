import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestProject } from "vitest/node";
import { CATALOGUE } from "../../../deploy/parts/catalogue.ts";
import { PartUnavailable } from "../../../deploy/parts/part.ts";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import { importsOf } from "../tidy/imports.ts";
import { parseSource } from "../tidy/source.ts";

const RESOLVER = join(import.meta.dirname, "..", "..", "..", "deploy", "parts", "resolve-part.ts");

/**
 * Fetches the real parts before tests begin, so that no test's time limit is spent on a download and no two workers fetch the
 * same. Only if a test about to run can ask for one. What cannot be had stays the matter of the tests that need it.
 */
export async function setup(project: TestProject): Promise<void> {
  if (!reaches(project.vitest.state.getPaths(), RESOLVER)) return;
  await Promise.all(Object.values(CATALOGUE).map(({ name }) => resolvePart(name, { log: console.log }).catch(report)));
}

function report(error: unknown): void {
  if (!(error instanceof PartUnavailable)) throw error;
  console.warn(error.message);
}

/** Whether one of these files imports `target`, itself or through others. */
function reaches(files: readonly string[], target: string): boolean {
  const seen = new Set(files);
  // A set hands out what is added to it while it is walked.
  for (const file of seen) {
    for (const imported of relativeImports(file)) seen.add(imported);
  }
  return seen.has(target);
}

function relativeImports(file: string): readonly string[] {
  if (!file.endsWith(".ts")) return [];
  const source = parseSource(file, readFileSync(file, "utf8"));
  const specifiers = importsOf(source).map(({ specifier }) => specifier);
  return specifiers.filter((specifier) => specifier.startsWith(".")).map((specifier) => join(dirname(file), specifier));
}
