import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { WEIGHT_TOTAL, keyOf } from "../../src/model/destination.ts";
import type { Split } from "../../src/model/destination.ts";
import type { ClusterId, Version } from "../../src/model/ids.ts";
import { duration, parseDuration, parseShare, percent } from "../../src/cli/notation.ts";
import { Progress } from "../../src/cli/progress.ts";
import { splitFor, wishOf } from "../../src/cli/shift/target.ts";
import { table } from "../../src/cli/table.ts";
import { harmless } from "../../src/cli/terminal.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { Operator } from "./fleet.ts";

describe("shares", () => {
  it("are read exactly, every one of them", () => {
    for (let weight = 0; weight <= WEIGHT_TOTAL; weight += 1) {
      expect(parseShare(percent(weight))).toBe(weight);
      expect(parseShare(`${weight}bp`)).toBe(weight);
    }
  });

  it.each(["", "50", "0.5", "-1%", "1e1%", "50.005%", "100.01%", "10001bp", "1.5bp", "NaN%", "50 %", "٥%"])(
    "are not guessed from %j",
    (text) => expect(parseShare(text)).toBeUndefined(),
  );
});

describe("times", () => {
  it.each<[string, number | undefined]>([
    ["250ms", 250],
    ["1h30m", 5_400_000],
    ["0s", 0],
    ["2d", 172_800_000],
    ["10", undefined],
    ["", undefined],
    ["1.5h", undefined],
    ["-1s", undefined],
    ["1s1h", undefined],
  ])("%j is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each<[number, string]>([
    [0, "0ms"],
    [999, "999ms"],
    [1_499, "1s"],
    [59_600, "1m"],
    [5_400_000, "1h30m"],
    [604_799_000, "6d23h"],
    [-5, "0ms"],
  ])("%d ms is shown as %s", (ms, text) => expect(duration(ms)).toBe(text));
});

describe("splitFor", () => {
  const split = (text: string): Split =>
    text.split(" ").map((part) => {
      const [cluster = "", version = "", weight = ""] = part.split(/[/=]/);
      return { destination: { cluster: cluster as ClusterId, version: version as Version }, weight: Number(weight) };
    });
  const words = (found: Split): string =>
    found.map(({ destination, weight }) => `${keyOf(destination)}=${weight}`).join(" ");

  function target(to: string, now: Readonly<Record<string, string>>): string {
    const wishes = to.split(" ").map((text) => {
      const wish = wishOf(text);
      if (!wish.ok) throw new Error(wish.refusal.message);
      return wish.value;
    });
    const splits = new Map(Object.entries(now).map(([source, text]) => [source as ClusterId, split(text)]));
    const found = splitFor(wishes, { stableVersion: "v1" as Version, splits });
    return found.ok ? words(found.value) : found.refusal.code;
  }

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ["eu-west=50%", { a: "us-east/v1=10000" }, "eu-west/v1=5000 us-east/v1=5000"],
    ["eu-west=50%", { a: "eu-west/v1=2000 us-east/v1=8000" }, "eu-west/v1=5000 us-east/v1=5000"],
    ["eu-west=0%", { a: "eu-west/v1=5000 us-east/v1=5000" }, "eu-west/v1=0 us-east/v1=10000"],
    ["eu-west=10%", { a: "x/v1=3333 y/v1=3333 z/v1=3334" }, "eu-west/v1=1000 x/v1=3000 y/v1=3000 z/v1=3000"],
    ["eu-west=100%", { a: "us-east/v1=10000" }, "eu-west/v1=10000"],
    ["eu-west=50% us-east=50%", { a: "x/v1=10000" }, "eu-west/v1=5000 us-east/v1=5000"],
    ["eu-west=50%", { a: "us-east/v1=10000", b: "us-east/v1=10000" }, "eu-west/v1=5000 us-east/v1=5000"],
    ["eu-west=50%", { a: "us-east/v1=10000", b: "ap-south/v1=10000" }, "FIELD_INVALID"],
    ["eu-west=50%", { a: "eu-west/v1=10000" }, "WEIGHTS_SUM"],
    ["eu-west/v1=50%", { a: "us-east/v1=10000" }, "WEIGHTS_SUM"],
    ["eu-west=60% us-east=60%", {}, "WEIGHTS_SUM"],
    ["eu-west=50% eu-west/v1=50%", {}, "DUPLICATE_KEY"],
  ])("takes %s, while now is %j, for %s", (to, now, result) => expect(target(to, now)).toBe(result));

  it("always sums to the whole when the rest stays", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: WEIGHT_TOTAL - 1 }), (now, weight) => {
        const present = now.map((entry, index) => ({
          destination: { cluster: `c${index}` as ClusterId, version: "v1" as Version },
          weight: entry,
        }));
        const wish = { cluster: "new" as ClusterId, version: undefined, weight };
        const splits = new Map([["a" as ClusterId, present]]);
        const found = splitFor([wish], { stableVersion: "v1" as Version, splits });
        const sum = found.ok ? found.value.reduce((total, entry) => total + entry.weight, 0) : 0;
        expect(sum).toBe(WEIGHT_TOTAL);
      }),
    );
  });
});

describe("table", () => {
  it("aligns columns, also those with colour, and leaves out those without content", () => {
    const columns = [{ title: "A" }, { title: "B", align: "right" }, { title: "C" }] as const;
    const rows = [
      ["\u001B[32mxx\u001B[39m", "1", ""],
      ["y", "222", ""],
    ];
    expect(table(columns, rows)).toEqual(["A     B", "\u001B[32mxx\u001B[39m    1", "y   222"]);
  });
});

describe("harmless", () => {
  it("lets no text from outside move the cursor, paint, or turn the direction", () => {
    expect(harmless("a\u001B[2Jb\r\nc\u202Ed\u0000e")).toBe("ab c d e");
  });
});

describe("Progress", () => {
  function shown(isScreen: boolean, states: readonly (readonly string[])[]): string {
    let text = "";
    const terminal: Terminal = {
      out: (line) => (text += `${line}\n`),
      note: () => undefined,
      draw: (drawn) => (text += drawn),
      paint: (_, painted) => painted,
      isScreen,
      columns: 10,
    };
    const progress = new Progress(terminal);
    for (const state of states) progress.show(state);
    return text;
  }

  it("writes a line for each change into a pipe", () => {
    expect(shown(false, [["a"], ["a"], ["b"]])).toBe("a\nb\n");
  });

  it("writes over what it showed on a screen, and never lets a line wrap", () => {
    expect(shown(true, [["a", "b"], ["c"]])).toBe("a\nb\n\u001B[2A\u001B[0Jc\n");
    expect(shown(true, [["0123456789abc"]])).toBe("01234567…\n");
  });
});

describe("weir completion", () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-completion-"));
  const operator = new Operator(folder);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function completed(line: string): Promise<readonly string[]> {
    const { out } = await operator.weir(["completion", "bash"]);
    const words = `COMP_WORDS=(${line
      .split(" ")
      .map((word) => `"${word}"`)
      .join(" ")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))`;
    const script = `${out}\n${words}; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const run = spawnSync("bash", ["-c", script], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    return run.stdout.trim().split("\n");
  }

  it("completes commands, options and formats in a real bash", async () => {
    expect(await completed("weir clu")).toEqual(["cluster"]);
    expect(await completed("weir cluster unc")).toEqual(["uncordon"]);
    expect(await completed("weir -o json cluster drain eu-west --wa")).toEqual(["--wait"]);
    expect(await completed("weir status -o ")).toEqual(["table", "json", "yaml"]);
  });

  it.each(["zsh", "fish"])("knows every command for %s", async (shell) => {
    const { code, out } = await operator.weir(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["cluster", "uncordon", "preview", "completion"]) expect(out).toContain(word);
  });

  it("refuses a shell that it does not know", async () => {
    expect(await operator.weir(["completion", "tcsh"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("error: USAGE") as string,
    });
  });
});

describe("the command line", () => {
  const operator = new Operator(tmpdir());

  it.each([
    [["bogus"], "error: USAGE: unknown command 'bogus'"],
    [["cluster", "lsit"], "error: USAGE: unknown command 'lsit'\nhint: Did you mean list?"],
    [["status", "-o", "xml"], "error: USAGE: option '-o, --output <format>' argument 'xml' is invalid"],
    [["cluster", "drain", "a", "--step", "50"], "write a share as 50%, 33.33% or 5000bp"],
    [["cluster", "revoke", "a"], "required option '--reason <text>' not specified"],
    [["status", "--request-timeout", "5"], "error: USAGE: "],
    [["shift", "request"], "error: USAGE: name a service"],
  ])("refuses %j as wrong usage", async (args, line) => {
    const { code, out, err } = await operator.weir([...args, "--socket", "/nowhere"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(line);
  });

  it("prints help and version on standard output", async () => {
    const help = await operator.weir(["shift", "request", "--help"]);
    expect(help).toMatchObject({ code: 0, err: "", out: expect.stringContaining("Examples:") as string });
    expect(await operator.weir(["--version"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });
});
