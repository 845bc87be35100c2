import { describe, expect, it } from "vitest";
import { Fields } from "../../../src/io/yaml/fields.ts";
import { readYaml } from "../../../src/io/yaml/read.ts";
import { nearest } from "../../../src/io/yaml/suggest.ts";
import type { YamlValue } from "../../../src/io/yaml/value.ts";
import { Checks } from "../../../src/wire/checks.ts";

function read(text: string) {
  return readYaml(new TextEncoder().encode(text), "f.yaml");
}

/** The plain value, without its places. */
function plain(value: YamlValue): unknown {
  if (value.kind === "scalar") return value.value;
  if (value.kind === "list") return value.items.map(plain);
  return Object.fromEntries(value.entries.map((entry) => [entry.key, plain(entry.value)]));
}

function values(text: string): unknown {
  const result = read(text);
  return result.ok ? result.value.map(plain) : result.refusal;
}

const BOMB = `a: &a [x,x,x,x,x,x,x,x,x]
${"bcdefghi"
  .split("")
  .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(",")}]`)
  .join("\n")}`;

describe("readYaml", () => {
  it("takes what the core schema of YAML 1.2 says, and no more", () => {
    expect(values("a: no\nb: 0x10\nc: 1_000\nd: 012\ne: ~\nf: true\ng: 1e400\nh: off")).toEqual([
      { a: "no", b: 16, c: "1_000", d: 12, e: null, f: true, g: Infinity, h: "off" },
    ]);
  });

  it("takes a merge key for a key like any other", () => {
    expect(values("a: {<<: {b: 1}}")).toEqual([{ a: { "<<": { b: 1 } } }]);
  });

  it("reads several documents and leaves out those without content", () => {
    expect(values("---\na: 1\n---\n# nothing\n---\nb: 2\n---\n")).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it("reads JSON, and follows a plain alias", () => {
    expect(values('{"a": [1, "x"]}')).toEqual([{ a: [1, "x"] }]);
    expect(values("a: &x {b: 1}\nc: *x")).toEqual([{ a: { b: 1 }, c: { b: 1 } }]);
  });

  it.each<[string, string, string]>([
    ["nothing", "", "EMPTY_PLAN"],
    ["an empty mapping", "{}", "EMPTY_PLAN"],
    ["null", "null", "EMPTY_PLAN"],
    ["only comments", "# a\n# b\n", "EMPTY_PLAN"],
    ["only separators", "---\n---\n", "EMPTY_PLAN"],
    ["an alias bomb", BOMB, "DOC_TOO_LARGE"],
    ["an alias that stands in what it names", "a: &a [*a]", "DOC_TOO_LARGE"],
    ["10,000 nested lists", `${"[".repeat(10_000)}${"]".repeat(10_000)}`, "DOC_TOO_LARGE"],
    ["10,000 nested items", `${"- ".repeat(10_000)}a`, "DOC_TOO_LARGE"],
    [
      "a nested mapping in every line",
      Array.from({ length: 100 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
      "DOC_TOO_LARGE",
    ],
    ["50 MB", "a".repeat(50_000_000), "DOC_TOO_LARGE"],
    ["a quarter million items", "- a\n".repeat(250_000), "DOC_TOO_LARGE"],
    ["a function", "a: !!js/function 'x'", "YAML_TAG"],
    ["a tag of the schema", "a: !!str 5", "YAML_TAG"],
    ["a tag of nobody", "!x {a: 1}", "YAML_TAG"],
    ["a tag in a list of a list", "- - !y z", "YAML_TAG"],
    ["a broken flow", "a: [1, 2", "YAML_SYNTAX"],
    ["a tab for indentation", "a:\n\tb: 1", "YAML_SYNTAX"],
    ["a list for a key", "[1]: 2", "YAML_SYNTAX"],
    ["a number for a key", "1: 2", "YAML_SYNTAX"],
    ["an alias of nothing", "a: *b", "YAML_SYNTAX"],
    ["an unknown directive", "%FOO bar\n---\na: 1", "YAML_SYNTAX"],
  ])("refuses %s", (_, text, code) => {
    expect(values(text)).toMatchObject({ code });
  });

  it("refuses bytes that are no UTF-8", () => {
    expect(readYaml(Uint8Array.from([0x61, 0xff]), "f")).toMatchObject({ refusal: { code: "YAML_SYNTAX" } });
  });

  it("names both lines of a duplicate key", () => {
    expect(values("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")).toEqual({
      code: "DUPLICATE_KEY",
      field: "c",
      message: 'f.yaml line 5: has "c" a second time; the first is on line 3',
    });
  });

  it("names the line of what it does not read", () => {
    expect(values("a: 1\nb: !!set {}\n")).toMatchObject({ message: expect.stringContaining("line 2") as string });
    expect(values("a: 1\nb: [\n")).toMatchObject({ message: expect.stringContaining("f.yaml line") as string });
  });
});

describe("Fields", () => {
  function fieldsOf(text: string) {
    const result = read(text);
    if (!result.ok) throw new Error(result.refusal.message);
    const [value] = result.value;
    if (value === undefined) throw new Error("no document");
    const checks = new Checks();
    return { checks, fields: new Fields(value, "", { checks, file: "f.yaml" }) };
  }

  it("suggests the name that a misspelt one means", () => {
    const { checks, fields } = fieldsOf("weight: 1\nwieght: 2\n");
    fields.optionalInteger("weight");
    fields.done();
    expect(checks.result(0)).toMatchObject({
      refusal: {
        code: "UNKNOWN_FIELD",
        field: "wieght",
        message: "f.yaml line 2: there is no such field; did you mean weight?",
      },
    });
  });

  it.each([["-1"], ["1.5"], [".nan"], ['"50"'], ["1e400"], ["-0"], ["true"], ["[1]"], ["null"]])(
    "does not take %s for a whole number",
    (text) => {
      const { checks, fields } = fieldsOf(`n: ${text}`);
      fields.integer("n");
      expect(checks.result(0)).toMatchObject({ refusal: { code: "FIELD_INVALID", field: "n" } });
    },
  );

  it("says what is missing, and where", () => {
    const { checks, fields } = fieldsOf("\n\na: {}\n");
    fields.optionalFields("a")?.text("b");
    expect(checks.result(0)).toMatchObject({
      refusal: { code: "FIELD_REQUIRED", field: "a.b", message: "f.yaml line 3: is required" },
    });
  });
});

describe("nearest", () => {
  it("finds near words and leaves far ones", () => {
    expect(nearest("stabelVersion", ["name", "stableVersion"])).toBe("stableVersion");
    expect(nearest("colour", ["name", "port"])).toBeUndefined();
    expect(nearest("x", [])).toBeUndefined();
  });
});
