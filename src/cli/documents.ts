import { Fields } from "../io/yaml/fields.ts";
import { Checks } from "../wire/checks.ts";
import { refused } from "./failure.ts";
import { readInput } from "./read-input.ts";

/** Reads the fields of one document, all but its kind. */
export type DocumentReader<T> = (fields: Fields) => T;

/**
 * Reads every document of a file as one kind. All of them are read before any is used, so that a mistake in the last one
 * leaves nothing half done. Fails with the first thing wrong, its field and line.
 */
export async function readDocuments<T>(
  path: string,
  { kind, read }: { readonly kind: string; readonly read: DocumentReader<T> },
): Promise<readonly T[]> {
  const { file, documents } = await readInput(path);
  const checks = new Checks();
  const values = documents.map((document) => {
    const fields = new Fields(document, "", { checks, file });
    const found = fields.text("kind");
    if (found !== kind && found !== "") fields.refuse("FIELD_INVALID", "kind", `is ${found}; ${kind} is wanted here`);
    const value = read(fields);
    fields.done();
    return value;
  });
  const result = checks.result(values);
  if (!result.ok) throw refused(result.refusal);
  return result.value;
}
