import { parseDocument } from "yaml";
import { ok, refuse } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";

/** As many aliases a document may use; more is a bomb, not a configuration. */
const ALIASES_MAX = 100;

/** Reads YAML 1.2 without tags of other languages, or says what is wrong, with lines. Duplicate keys are wrong. */
export function readYaml(text: string): Result<unknown, readonly string[]> {
  const document = parseDocument(text, { version: "1.2", schema: "core", uniqueKeys: true, strict: true });
  const problems = [...document.errors, ...document.warnings].map(({ message }) => message.split("\n")[0] ?? message);
  if (problems.length > 0) return refuse(problems);
  try {
    return ok(document.toJS({ maxAliasCount: ALIASES_MAX }));
  } catch (cause) {
    return refuse([(cause as Error).message]);
  }
}
