/** A place in a file, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One entry of a mapping, with the place of its key. */
export interface YamlEntry {
  readonly key: string;
  readonly place: Place;
  readonly value: YamlValue;
}

/** A value of a document with its place, so that whatever is wrong with it can be found. */
export type YamlValue = { readonly place: Place } & (
  | { readonly kind: "map"; readonly entries: readonly YamlEntry[] }
  | { readonly kind: "list"; readonly items: readonly YamlValue[] }
  | { readonly kind: "scalar"; readonly value: string | number | boolean | null; readonly source: string }
);

/** What a value is, in the words of a message. */
export function kindWords(value: YamlValue): string {
  if (value.kind !== "scalar") return value.kind === "map" ? "a mapping" : "a list";
  if (value.value === null) return "nothing";
  if (typeof value.value === "string") return `the text ${JSON.stringify(value.value.slice(0, 60))}`;
  return `the ${typeof value.value === "boolean" ? "truth value" : "number"} ${value.source.slice(0, 60)}`;
}
