import { describe, expect, it } from "vitest";
import { EXCEPTIONS } from "./support/tidy/exceptions.ts";
import { readSources, strangers, topLevel } from "./support/tidy/repository.ts";
import { judge, needless } from "./support/tidy/rules.ts";
import { fileLines, functionsOf, median } from "./support/tidy/sizes.ts";
import { parseSource } from "./support/tidy/source.ts";
import type { Source } from "./support/tidy/source.ts";

/** The rules broken by a file of this path and text, in a form that is easy to compare. */
function rulesBrokenBy(path: string, text: string): readonly string[] {
  return judge([parseSource(path, text)], []).map(({ rule, message }) => `${rule}: ${message}`);
}

describe("the repository", () => {
  const sources = readSources();

  it("keeps every rule of its layout", () => {
    const complaints = judge(sources).map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`);
    expect(complaints).toEqual([]);
  });

  it("has no exception that nothing needs", () => {
    expect(needless(sources)).toEqual([]);
    expect(EXCEPTIONS.filter(({ reason }) => reason.length < 20)).toEqual([]);
  });

  it("has nothing at its top level that the layout does not know", () => {
    expect(strangers(topLevel())).toEqual([]);
  });

  it("prints how long its files and functions are", () => {
    const table = ["src", "agents", "deploy", "test"].map((folder) => measure(folder, sources));
    console.log(`median lines\n${table.join("\n")}`);
    expect(table).toHaveLength(4);
  });
});

function measure(folder: string, sources: readonly Source[]): string {
  const inside = sources.filter(({ path }) => path.startsWith(`${folder}/`));
  const functions = inside.flatMap(functionsOf).map(({ lines }) => lines);
  const [file, body] = [median(inside.map(fileLines)), median(functions)];
  return `  ${folder.padEnd(6)} file ${file} (of ${inside.length}), function ${body} (of ${functions.length})`;
}

describe("the import table", () => {
  it.each([
    [
      "src/model/plan.ts",
      `import type { A } from "../planner/pace.ts";`,
      "model may not import planner (src/planner/pace.ts)",
    ],
    ["src/planner/pace.ts", `import { a } from "../wire/plan.ts";`, "planner may not import wire (src/wire/plan.ts)"],
    ["src/planner/pace.ts", `import { z } from "zod";`, "planner may not import zod"],
    ["src/planner/pace.ts", `import { createHash } from "node:crypto";`, "planner may not import node:crypto"],
    ["src/planner/pace.ts", `export { a } from "../io/clock.ts";`, "planner may not import io (src/io/clock.ts)"],
    ["src/planner/pace.ts", `type A = import("../io/clock.ts").A;`, "planner may not import io (src/io/clock.ts)"],
    ["src/planner/pace.ts", "const a = import(name);", "planner computes what it imports"],
    ["src/wire/hash.ts", `import { randomUUID } from "node:crypto";`, "wire may not take randomUUID from node:crypto"],
    ["src/engine/writer.ts", `import { a } from "../io/log.ts";`, "engine may not import io (src/io/log.ts)"],
    ["src/engine/writer.ts", `import { connect } from "nats";`, "engine may not import nats"],
    [
      "src/simulator/run.ts",
      `import { a } from "../../agents/mesh/memory/mesh.ts";`,
      "simulator may not import mesh (agents/mesh/memory/mesh.ts)",
    ],
    ["src/console/page.ts", `import { a } from "../io/clock.ts";`, "console may not import io (src/io/clock.ts)"],
    [
      "agents/core/judge.ts",
      `import { a } from "../../src/wire/plan.ts";`,
      "agents-core may not import wire (src/wire/plan.ts)",
    ],
    [
      "agents/health/window.ts",
      `import { a } from "../../src/engine/ports.ts";`,
      "health may not import engine (src/engine/ports.ts)",
    ],
    [
      "agents/mesh/istio/mesh.ts",
      `import { a } from "../../io/kube.ts";`,
      "mesh may not import agents-io (agents/io/kube.ts)",
    ],
    [
      "agents/mesh/envoy/render-routes.ts",
      `import { toBinary } from "@bufbuild/protobuf";`,
      "render may not take toBinary from @bufbuild/protobuf",
    ],
    [
      "agents/mesh/envoy/render-routes.ts",
      `import { send } from "./server.ts";`,
      "render may only name types of mesh (agents/mesh/envoy/server.ts)",
    ],
    [
      "src/planner/pace.ts",
      `import { a } from "./assess";`,
      "./assess: a relative import names the file, with its extension",
    ],
    ["src/other.ts", "", "lies in no folder that the layout knows"],
    ["src/io/log.ts", `import { a } from "../../test/support/a.ts";`, "io may not import test (test/support/a.ts)"],
  ])("refuses in %s: %s", (path, text, message) => {
    expect(rulesBrokenBy(path, text)).toEqual([`import-table: ${message}`]);
  });

  it.each([
    ["src/planner/pace.ts", `import assert from "node:assert";\nimport type { A } from "../model/plan.ts";`],
    ["src/wire/hash.ts", `import { createHash } from "node:crypto";\nimport { create } from "@bufbuild/protobuf";`],
    ["src/wire/plan.ts", `import { PlanSchema } from "../../proto/gen/weir/v1/plan_pb.ts";`],
    ["src/io/nats/log.ts", `import type { Log } from "../../engine/ports.ts";\nimport { connect } from "nats";`],
    ["src/main.ts", `import { a } from "./io/clock.ts";`],
    ["src/cli/shift.ts", `import { a } from "../io/grpc/client.ts";`],
    ["src/simulator/run.ts", `import { judge } from "../../agents/core/judge.ts";`],
    ["agents/mesh/envoy/render/routes.ts", `import { create, type MessageInitShape } from "@bufbuild/protobuf";`],
    ["agents/mesh/envoy/render.ts", `import type { Mesh } from "../mesh.ts";`],
    ["agents/main.ts", `import { a } from "./io/kube.ts";\nimport { b } from "../src/wire/plan.ts";`],
    ["test/io/log.test.ts", `import { a } from "../../src/io/log.ts";`],
  ])("accepts in %s: %s", (path, text) => {
    expect(rulesBrokenBy(path, text)).toEqual([]);
  });
});

describe("purity", () => {
  it.each([
    ["const now = Date.now();", "Date"],
    ["export function age(at: Date): number { return 0; }", "Date"],
    ["const r = Math.random();", "Math.random"],
    ["const r = Math['random']();", "Math.random"],
    ["setTimeout(() => {}, 1);", "setTimeout"],
    ["const o = { setTimeout };", "setTimeout"],
    ["const e = process.pid;", "process"],
    ["console.log(1);", "console"],
    ["const c = a.localeCompare(b);", "localeCompare"],
    ["const f = async () => 1;", "async"],
    ["class A { async go(): unknown { return 1; } }", "async"],
    ["const all = Promise.all(a);", "Promise"],
    ["const a = await b;", "await"],
    ["const id = crypto.randomUUID();", "crypto"],
  ])("refuses in a pure folder: %s", (text, word) => {
    expect(rulesBrokenBy("src/planner/pace.ts", text)).toEqual([`purity: ${word} in a pure folder`]);
  });

  it.each([
    "const p = step.process;",
    "const o = { fetch: 1 };",
    "interface A { readonly console: string }",
    "interface Store { save(): Promise<void> }",
    "// Date",
  ])("takes no name for what it only resembles: %s", (text) => {
    expect(rulesBrokenBy("src/planner/pace.ts", text)).toEqual([]);
  });

  it.each(["src/model/a.ts", "src/wire/a.ts", "agents/core/a.ts", "agents/mesh/istio/render-routes.ts"])(
    "holds in %s",
    (path) => {
      expect(rulesBrokenBy(path, "const now = Date.now();")).toHaveLength(1);
    },
  );

  it.each(["src/io/clock.ts", "src/engine/writer.ts", "agents/mesh/istio/mesh.ts"])("is not asked of %s", (path) => {
    expect(rulesBrokenBy(path, "const now = Date.now();")).toEqual([]);
  });
});

const SILENCED = "silences: silences the linter without a reason";

describe("forms", () => {
  it.each([
    ["src/io/a.ts", "const a = process.env.A;", "environment: reads process.env"],
    ["agents/io/a.ts", "const a = process['env'];", "environment: reads process.env"],
    ["src/cli/a.ts", "const { env } = process;", "environment: reads process.env"],
    ["src/io/a.ts", `import { env } from "node:process";`, "environment: imports env"],
    ["src/io/a.ts", "let count = 0;", "module-state: a variable at the top of a module"],
    ["src/io/a.ts", "export let count = 0;", "module-state: a variable at the top of a module"],
    ["src/io/a.ts", "export default 3;", "named-exports: a default export"],
    ["src/io/a.ts", "const a = 1;\nexport { a as default };", "named-exports: a default export"],
    ["src/io/a.ts", `export * from "./b.ts";`, "named-exports: passes on another module's exports"],
    ["test/a.test.ts", "const a = b as any;", "no-any-cast: as any"],
    ["src/io/a.ts", "// oxlint-disable-next-line no-b\nconst a = b;", SILENCED],
    ["src/io/a.ts", "/* oxlint-disable no-b -- */\nconst a = b;", SILENCED],
    ["src/io/a.ts", "const a = b; // eslint-disable-line no-b", SILENCED],
  ])("refuses in %s: %s", (path, text, complaint) => {
    expect(rulesBrokenBy(path, text)).toEqual([complaint]);
  });

  it("lets a lint rule be silenced for a reason", () => {
    const text = "// oxlint-disable-next-line no-b -- b is what is looked for\nconst a = b;";
    expect(rulesBrokenBy("src/io/a.ts", text)).toEqual([]);
  });

  it("lets config.ts read the environment", () => {
    expect(rulesBrokenBy("src/config.ts", "const a = process.env.A;")).toEqual([]);
  });

  it("says on which line", () => {
    const [complaint] = judge([parseSource("src/io/a.ts", "const a = 1;\n\nconst b = process.env;")], []);
    expect(complaint).toMatchObject({ path: "src/io/a.ts", line: 3 });
  });
});

describe("names and sizes", () => {
  it.each([
    "src/io/utils.ts",
    "src/io/helpers/a.ts",
    "src/io/error-handler.ts",
    "src/model/types.ts",
    "test/common/a.ts",
  ])("refuses the name %s", (path) => {
    expect(rulesBrokenBy(path, "")).toEqual([expect.stringMatching(/^names: ".+" names nothing$/)]);
  });

  it.each(["src/io/planStream.ts", "src/io/plan_stream.ts"])("refuses the spelling %s", (path) => {
    expect(rulesBrokenBy(path, "")).toEqual(["names: a file name is kebab-case.ts"]);
  });

  it("refuses a file of more than 400 lines", () => {
    expect(rulesBrokenBy("src/io/a.ts", "//\n".repeat(400))).toEqual([]);
    expect(rulesBrokenBy("src/io/a.ts", "//\n".repeat(401))).toEqual(["sizes: 401 lines, at most 400"]);
  });

  it.each(["function f() {BODY}", "const f = () => {BODY};", "class A { f() {BODY} }"])(
    "refuses a function of more than 70 lines: %s",
    (form) => {
      const ofLines = (count: number) => form.replace("BODY", "\n".repeat(count - 1));
      expect(rulesBrokenBy("src/io/a.ts", ofLines(70))).toEqual([]);
      expect(rulesBrokenBy("src/io/a.ts", ofLines(71))).toEqual(["sizes: a function of 71 lines, at most 70"]);
    },
  );

  it("takes a test's describe for a chapter, and its cases for functions", () => {
    const body = "\n".repeat(80);
    expect(rulesBrokenBy("test/a.test.ts", `describe("a", () => {${body}});`)).toEqual([]);
    expect(rulesBrokenBy("test/a.test.ts", `describe.skipIf(b)("a", () => {${body}});`)).toEqual([]);
    expect(rulesBrokenBy("test/a.test.ts", `it("a", () => {${body}});`)).toHaveLength(1);
  });

  it("takes the middle value for the median", () => {
    expect([median([]), median([3]), median([5, 1, 3]), median([4, 1, 2, 3])]).toEqual([0, 3, 3, 2]);
  });
});

describe("the top level", () => {
  it("refuses what the layout does not have, and overlooks dotfiles and what tools make", () => {
    const entries = ["src", "docs", "vite.config.ts", ".ci", "node_modules", "weir-0.1.0.tgz", "LICENSE"];
    expect(strangers(entries)).toEqual(["docs", "vite.config.ts"]);
  });
});

describe("exceptions", () => {
  const source = parseSource("src/io/a.ts", "let count = 0;");
  const exception = { path: "src/io/a.ts", rule: "module-state", reason: "a test of the exceptions themselves" };

  it("silence the one rule in the one file", () => {
    expect(judge([source], [exception])).toEqual([]);
    expect(judge([source], [{ ...exception, rule: "sizes" }])).toHaveLength(1);
  });

  it("are named once nothing needs them", () => {
    expect(needless([source], [exception])).toEqual([]);
    expect(needless([source], [{ ...exception, rule: "sizes" }])).toHaveLength(1);
  });
});
