import type { ClusterId } from "../../../model/ids.ts";
import { badName } from "../../../model/names.ts";
import type { Fault, Fields, Notation } from "../fields.ts";
import { nearest } from "../suggest.ts";

/** Why a text names no cluster of the document; undefined when it does. */
export function unknownCluster(text: string, names: readonly ClusterId[]): Fault | undefined {
  if ((names as readonly string[]).includes(text)) return undefined;
  const meant = nearest(text, names);
  const way = meant === undefined ? "list it under clusters" : `did you mean ${meant}?`;
  return { code: "UNKNOWN_CLUSTER", why: `${JSON.stringify(text)} is no cluster of this document; ${way}` };
}

/** The keys of a mapping that is one from clusters, those that are none refused and left out. */
export function clusterKeys(fields: Fields, names: readonly ClusterId[]): readonly ClusterId[] {
  return (fields.keys() as readonly ClusterId[]).filter((key) => {
    const fault = unknownCluster(key, names);
    if (fault !== undefined) {
      fields.refuse(fault.code, key, fault.why);
    }
    return fault === undefined;
  });
}

/** Text of which there is some. */
export const SOME_NAME: Notation<string> = {
  parse: (text) => (text === "" ? undefined : text),
  wanted: "a name",
  code: "BAD_NAME",
};

/** A name of its own: a DNS-1123 label. */
export function nameOf<T extends string>(fields: Fields, key: string): T {
  const name = fields.parsed(key, SOME_NAME);
  const reason = name === undefined ? undefined : badName(name);
  if (reason !== undefined) fields.refuse("BAD_NAME", key, `${JSON.stringify(name)} ${reason}`);
  return (name ?? "") as T;
}

/** Refuses every item whose name one before it has. */
export function refuseRepeated(
  items: readonly { readonly name: string; readonly fields: Fields }[],
  key: string,
): void {
  const seen = new Set<string>();
  for (const { name, fields } of items) {
    if (name !== "" && seen.has(name)) fields.refuse("DUPLICATE_KEY", key, `${name} is declared a second time`);
    seen.add(name);
  }
}
