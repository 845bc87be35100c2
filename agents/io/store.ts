import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { ok, refuse } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import type { Holding } from "../core/holding.ts";
import { messageOf, readTrusted, replaceFile } from "./durable-file.ts";
import { planFileBytes, readPlanFile } from "./plan-file.ts";

/** What a store could not do or read: `LKG_INVALID` with what is wrong and where. */
export interface StoreProblem {
  readonly code: "LKG_INVALID";
  readonly detail: string;
}

/** What lay on the disk at the start. */
export interface StoredPlans {
  /** What to route by: the newest that is sound. */
  readonly current?: Holding;
  /** The last that was seen to work for its whole bake. */
  readonly lastGood?: Holding;
  /** Every file that is unsound, for people. */
  readonly problems: readonly StoreProblem[];
}

/** Keeps plans over restarts. A plan that is not stored must not be applied. */
export interface PlanStore {
  load(): Promise<StoredPlans>;
  /** Durable when it resolves with success; on a refusal the old plan is still there, whole. */
  saveCurrent(holding: Holding): Promise<Result<void, StoreProblem>>;
  saveLastGood(holding: Holding): Promise<Result<void, StoreProblem>>;
}

/**
 * Two files in a folder, `current` and `last-good`, each with its predecessor. A start takes the first that is sound of
 * current, its predecessor, last good and its predecessor; if none is, the mesh is left as it is.
 */
export class FilePlanStore implements PlanStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(): Promise<StoredPlans> {
    const problems: StoreProblem[] = [];
    const current = await this.#first(["current", "current-before"], problems);
    const lastGood = await this.#first(["last-good", "last-good-before"], problems);
    const routed = current ?? lastGood;
    return {
      problems,
      ...(routed === undefined ? {} : { current: routed }),
      ...(lastGood === undefined ? {} : { lastGood }),
    };
  }

  async #first(names: readonly string[], problems: StoreProblem[]): Promise<Holding | undefined> {
    for (const name of names) {
      const path = this.#path(name);
      // The second is read only if the first will not do.
      const read = await readPlan(path);
      if (read.ok && read.value !== undefined) return read.value;
      if (!read.ok) problems.push(read.refusal);
    }
    return undefined;
  }

  async saveCurrent(holding: Holding): Promise<Result<void, StoreProblem>> {
    return await this.#save("current", holding);
  }

  async saveLastGood(holding: Holding): Promise<Result<void, StoreProblem>> {
    return await this.#save("last-good", holding);
  }

  async #save(name: string, holding: Holding): Promise<Result<void, StoreProblem>> {
    const path = this.#path(name);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await replaceFile(path, planFileBytes(holding), { keepAs: this.#path(`${name}-before`) });
      return ok(undefined);
    } catch (cause) {
      return refuse({ code: "LKG_INVALID", detail: `${path} cannot be written: ${messageOf(cause)}` });
    }
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.plan`);
  }
}

/** A plan file's plan; undefined when there is no file. */
async function readPlan(path: string): Promise<Result<Holding | undefined, StoreProblem>> {
  const invalid = (cause: unknown) => ({ code: "LKG_INVALID" as const, detail: `${path}: ${messageOf(cause)}` });
  let bytes: Buffer | undefined;
  try {
    bytes = await readTrusted(path);
  } catch (cause) {
    return refuse(invalid(cause));
  }
  try {
    return ok(bytes === undefined ? undefined : readPlanFile(bytes));
  } catch (cause) {
    // Out of the way, or the next save would keep it as the predecessor in place of a sound one.
    await rename(path, `${path}.unsound`).catch(() => undefined);
    return refuse(invalid(cause));
  }
}

/** Keeps plans for as long as the process lives: for benches, which take the price of the disk apart. */
export class MemoryPlanStore implements PlanStore {
  #plans: StoredPlans = { problems: [] };

  async load(): Promise<StoredPlans> {
    return this.#plans;
  }

  async saveCurrent(holding: Holding): Promise<Result<void, StoreProblem>> {
    this.#plans = { ...this.#plans, current: holding };
    return ok(undefined);
  }

  async saveLastGood(holding: Holding): Promise<Result<void, StoreProblem>> {
    this.#plans = { ...this.#plans, lastGood: holding };
    return ok(undefined);
  }
}
