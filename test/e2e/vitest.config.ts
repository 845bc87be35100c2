import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Whole fleets, one after the other: each wants the machine for itself. */
export default defineConfig({
  root: join(import.meta.dirname, "../.."),
  test: {
    include: ["test/e2e/**/*.test.ts"],
    fileParallelism: false,
    pool: "forks",
    globalSetup: ["test/support/parts/global-setup.ts"],
    // A play of a minute and a half on a machine that others share: one more try tells a hiccup from a fault.
    retry: 1,
    watch: false,
    passWithNoTests: false,
  },
});
