import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Pure tests are quick; the ones that start real servers set their own, longer limits. */
const TEST_TIMEOUT_MS = 20_000;

export default defineConfig({
  root: join(import.meta.dirname, ".."),
  test: {
    include: ["test/**/*.test.ts"],
    // Whole fleets have a configuration of their own; they run after these, one by one.
    exclude: ["test/e2e/**"],
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    // Real servers are started and killed by tests: separate processes keep a crash to its own file.
    pool: "forks",
    // Most of these tests wait for real servers: two at a time use what one leaves idle.
    maxWorkers: 2,
    globalSetup: ["test/support/parts/global-setup.ts"],
    // Real processes on a machine that others share: one more try tells a hiccup from a fault, and the report names it.
    retry: 1,
    watch: false,
    passWithNoTests: false,
  },
});
