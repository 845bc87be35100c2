import { describe, expect, it } from "vitest";
import { readLongYaml } from "../../../agents/config/yaml-entries.ts";
import { readYaml } from "../../../agents/config/yaml.ts";

/** Every form that looks like entries, and is, or is not. */
const TEXTS = [
  "services:\n  a/b: {v1: []}\n  c/d: {v1: []}\n",
  "# for people\n\nservices:\n# and in between\n  a/b:\n    v1: [{address: x, port: 1}]\n\n    # within\n    v2: []\n  'c/d': 1\n  \"e f\": 2",
  "services:\r\n  a: 1\r\n  b:\r\n    c: 2\r\n",
  "services:\n      a: 1\n      b: 2\n",
  "services:\n  a: |\n    one\n\n    # no comment\n   \n  b: >-\n    two\n    three\n",
  "services:\n  a: |\n    one\n  b: |+\n    two\n\n\n  c: |+\n    three\n\n",
  "services:\n  a: |\n    one\n  b: |\n    two",
  "services:\n  a: one\r    two\n  b: 1\r  c: 2\n",
  "services:\n  a: one\n    two\n\n    three\n  b: 'one\n    two'\n",
  "services:\n  a: [1,\n    2]\n  b: {c: 1,\n    d: 2}\n",
  "services:\n  __proto__: 1\n  constructor: 2\n",
  "services:\n  10: a\n  2: b\n  null: c\n  true: d\n",
  "services:\n  a: &one {v1: []}\n  b: *one\n",
  "services:\n  a: &one {v1: []}\n  b: {c: *one}\n",
  "services:\n  <<: {a: 1}\n  b: 2\n",
  "services:\n  ? a\n  : 1\n  ? b\n  : 2\n",
  "services:\n  a: 1\n  a: 2\n",
  "services:\n  a: 1\n  'a': 2\n",
  "services:\n  a: {b: 1, b: 2}\n",
  "services:\n  a: 1\nservices:\n  b: 2\n",
  "services:\n  a: 1\nothers:\n  b: 2\n",
  "services:\n  a: 1\n b: 2\n",
  "services:\n    a: 1\n  b: 2\n",
  "services:\n  a: 1\n\tb: 2\n",
  "services:\n  - a\n  - b\n",
  "services:\n  a\n  b\n",
  "services:\n  a: !!js/function x\n",
  "services:\n  a: {\n  b: }\n",
  "services:\n  a: 'one\n  b: two'\n",
  "services:\n---\nservices:\n  a: 1\n",
  "services:\n  a: 1\n...\n",
  "%YAML 1.2\n---\nservices:\n  a: 1\n",
  "services: {a: 1}\n",
  "services:\n",
  "services:\n# nothing\n",
  "# nothing\n",
  "",
  "  services:\n    a: 1\n",
];

describe("a document read entry by entry", () => {
  it.each(TEXTS)("is what it is as a whole: %j", (text) => {
    expect(readLongYaml(text)).toEqual(readYaml(text));
  });

  it("keeps the order of its entries", () => {
    const read = readLongYaml("services:\n  c: 1\n  a: 2\n  b: 3\n");
    expect(read.ok && Object.keys((read.value as { services: object }).services)).toEqual(["c", "a", "b"]);
  });
});
