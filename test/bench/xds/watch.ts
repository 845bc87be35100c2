import { pause } from "../../../deploy/demo/waiting.ts";
import type { Version } from "./plans.ts";

/** How often a request is sent: the least that a change can be told apart by, in ms. */
const STEP_MS = 1;

/** Asks who answers, again and again, and once more as soon as the last answer came. */
export interface Watch {
  /** The moment at which `version` first answered twice in a row, ns on the machine's monotonic clock. */
  until(version: Version): Promise<bigint>;
}

/**
 * Watches by requests, one at a time. The moment is that of the first answer; a second one shows that it was no stray of
 * the one in ten thousand.
 */
export function watchBy(ask: () => Promise<string | undefined>): Watch {
  return {
    async until(version) {
      for (let first: bigint | undefined; ;) {
        const answer = await ask();
        if (answer === version && first !== undefined) return first;
        first = answer === version ? process.hrtime.bigint() : undefined;
        await pause(STEP_MS);
      }
    },
  };
}
