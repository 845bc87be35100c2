/** `npm run check`: everything that can be judged without running the product. Runs all steps, then fails if one did. */
import { generatedCodeIsFresh, protosReadWell, protosStayCompatible } from "./proto/verify.ts";
import { runTool } from "./tool.ts";

interface Step {
  readonly name: string;
  readonly holds: () => boolean;
}

const STEPS: readonly Step[] = [
  { name: "types", holds: () => runTool("tsc") },
  { name: "lint", holds: () => runTool("oxlint", { args: ["--type-aware", "--deny-warnings"] }) },
  { name: "format", holds: () => runTool("oxfmt", { args: ["--check"] }) },
  {
    name: "layout",
    holds: () => runTool("vitest", { args: ["run", "--config", "test/vitest.config.ts", "test/tidy.test.ts"] }),
  },
  { name: "protos: style", holds: protosReadWell },
  { name: "protos: compatibility", holds: protosStayCompatible },
  { name: "protos: generated code", holds: generatedCodeIsFresh },
];

function check(): void {
  const failed = STEPS.filter((step) => {
    console.log(`\n── ${step.name}`);
    return !step.holds();
  });
  const names = failed.map((step) => step.name).join(", ");
  console.log(failed.length === 0 ? "\nAll checks hold." : `\nNot as it should be: ${names}.`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

check();
