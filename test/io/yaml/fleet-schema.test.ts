import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readFleetDocument } from "../../../src/io/yaml/fleet-document.ts";
import { fleetDocumentSchema } from "../../../src/io/yaml/fleet/schema.ts";
import { toPlain } from "../../../src/io/yaml/write-fleet-document.ts";
import { fleetDocuments } from "./arbitrary-fleet-document.ts";

const schema = z.fromJSONSchema(
  JSON.parse(JSON.stringify(fleetDocumentSchema())) as Parameters<typeof z.fromJSONSchema>[0],
);

function passes(plain: unknown): boolean {
  return schema.safeParse(plain).success;
}

/** What the reader refuses for its form alone, which is what a schema can see. */
function badForm(plain: unknown): readonly string[] {
  const read = readFleetDocument(JSON.stringify(plain), "f.json");
  const messages = read.ok ? [] : read.refusal.map(({ message }) => message);
  return messages.filter((message) => /(is required|is wanted|is wanted here)$|there is no such field/.test(message));
}

function isRead(plain: unknown): boolean {
  return readFleetDocument(JSON.stringify(plain), "f.json").ok;
}

/** Values that most places refuse, and some that many take. */
const replacements = fc.constantFrom<unknown>(
  null,
  -1,
  0,
  1,
  2.5,
  "",
  "x",
  "5%",
  "105%",
  true,
  [],
  {},
  [1],
  { a: 1 },
  "latency",
  "any",
);

/** A plain document with one value replaced, left out or added anywhere in it. */
const spoilt = fc
  .record({
    document: fleetDocuments,
    at: fc.nat(),
    kind: fc.constantFrom("replace", "leave-out", "add"),
    value: replacements,
  })
  .map(({ document, at, kind, value }) => {
    const plain = JSON.parse(JSON.stringify(toPlain(document))) as unknown;
    const places = placesIn(plain);
    const [holder, key] = places[at % places.length] ?? [{}, ""];
    if (kind === "replace") holder[key] = value;
    else if (kind === "leave-out") Reflect.deleteProperty(holder, key);
    else holder[`${key}s`] = value;
    return plain;
  });

type Holder = Record<string, unknown>;

/** Every field of every mapping. Items of lists are in it by their fields. */
function placesIn(value: unknown): readonly (readonly [Holder, string])[] {
  if (Array.isArray(value)) return value.flatMap(placesIn);
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => [[holder, key] as const, ...placesIn(holder[key])]);
}

describe("fleetDocumentSchema", () => {
  it("passes every document that the writer writes", () => {
    fc.assert(
      fc.property(fleetDocuments, (document) => {
        expect(passes(toPlain(document))).toBe(true);
      }),
    );
  });

  it("passes whatever the reader takes, and refuses whatever the reader refuses for its form", () => {
    fc.assert(
      fc.property(spoilt, (plain) => {
        const verdict = { isRead: isRead(plain), passes: passes(plain), badForm: badForm(plain) };
        const isInStep = verdict.isRead ? verdict.passes : verdict.badForm.length === 0 || !verdict.passes;
        expect(isInStep ? undefined : { ...verdict, plain }).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it("names and explains itself", () => {
    expect(fleetDocumentSchema()).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "https://weir.dev/v1/fleet.schema.json",
      required: ["apiVersion", "kind", "clusters", "services"],
      additionalProperties: false,
    });
  });
});
