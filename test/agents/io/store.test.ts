import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FilePlanStore } from "../../../agents/io/store.ts";
import { planFileBytes, readPlanFile } from "../../../agents/io/plan-file.ts";
import type { Holding } from "../../../agents/core/holding.ts";
import { CHECKOUT, aHolding, services, stored } from "../plans.ts";
import { aFolder } from "./folders.ts";

const plan = (revision: number, count = 2): Holding =>
  aHolding(
    revision,
    services(count).map((service) => stored({ service, weights: { [`c${revision}/v1`]: 10_000 } })),
  );

/** Revision of what a fresh start finds, and what it complains of. */
async function found(folder: string): Promise<{ readonly current: number | undefined; readonly problems: number }> {
  const { current, problems } = await new FilePlanStore(folder).load();
  return { current: current?.position.revision, problems: problems.length };
}

describe("a plan file", () => {
  it("gives back exactly what was stored, refusals and bytes included", () => {
    const refused = new Map([
      [CHECKOUT, { service: CHECKOUT, hash: "ab".repeat(32), code: "MESH_REJECTED", detail: "no\nway" }],
    ]);
    const holding = { ...plan(7, 3), refused };
    expect(readPlanFile(Buffer.from(planFileBytes(holding)))).toEqual(holding);
  });

  it("is refused when it is cut short at any byte, or any one byte is another", () => {
    const bytes = Buffer.from(planFileBytes(plan(7)));
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => readPlanFile(bytes.subarray(0, length)), `cut at ${length}`).toThrow(Error);
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(bytes.readUInt8(index) ^ 0x01, index);
      expect(() => readPlanFile(changed), `changed at ${index}`).toThrow(Error);
    }
  });

  it("is refused in another version of its form", () => {
    const older = Buffer.from(planFileBytes(plan(7)));
    older.write("WEIR-PLAN-0\n", "latin1");
    expect(() => readPlanFile(older)).toThrow(/no plan file of this version/);
  });
});

describe("the plan store", () => {
  it("starts with nothing, and keeps current and last good apart", async () => {
    const folder = join(aFolder(), "plans");
    const store = new FilePlanStore(folder);
    expect(await store.load()).toEqual({ problems: [] });
    expect((await store.saveCurrent(plan(2))).ok).toBe(true);
    expect((await store.saveLastGood(plan(1))).ok).toBe(true);
    const { current, lastGood } = await new FilePlanStore(folder).load();
    expect([current?.position.revision, lastGood?.position.revision]).toEqual([2, 1]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it("falls back to the one before, then to last good, and says what is wrong", async () => {
    const folder = aFolder();
    const store = new FilePlanStore(folder);
    for (const revision of [1, 2, 3]) await store.saveCurrent(plan(revision));
    await store.saveLastGood(plan(1));
    const cut = (name: string): void =>
      writeFileSync(join(folder, name), readFileSync(join(folder, name)).subarray(0, 40));
    cut("current.plan");
    expect(await found(folder)).toEqual({ current: 2, problems: 1 });
    cut("current-before.plan");
    expect(await found(folder)).toEqual({ current: 1, problems: 1 });
    writeFileSync(join(folder, "last-good.plan"), "");
    expect(await found(folder)).toEqual({ current: undefined, problems: 1 });
  });

  it("does not keep an unsound file as the one before", async () => {
    const folder = aFolder();
    const store = new FilePlanStore(folder);
    for (const revision of [1, 2]) await store.saveCurrent(plan(revision));
    writeFileSync(join(folder, "current.plan"), "junk");
    const next = new FilePlanStore(folder);
    await next.load();
    await next.saveCurrent(plan(3));
    writeFileSync(join(folder, "current.plan"), "junk");
    expect((await found(folder)).current).toBe(1);
  });

  it("takes no word from a file that others may write", async () => {
    const folder = aFolder();
    const store = new FilePlanStore(folder);
    for (const revision of [1, 2]) await store.saveCurrent(plan(revision));
    chmodSync(join(folder, "current.plan"), 0o666);
    const { current, problems } = await store.load();
    expect(current?.position.revision).toBe(1);
    expect(problems).toEqual([{ code: "LKG_INVALID", detail: expect.stringContaining("may be written by others") }]);
  });

  it("survives a crash between any two steps of a save", async () => {
    const folder = aFolder();
    const store = new FilePlanStore(folder);
    for (const revision of [1, 2]) await store.saveCurrent(plan(revision));
    const [current, before] = [join(folder, "current.plan"), join(folder, "current-before.plan")];
    // Written half, or whole, and the process was gone.
    writeFileSync(`${current}.new`, Buffer.from(planFileBytes(plan(3))).subarray(0, 10));
    expect(await found(folder)).toEqual({ current: 2, problems: 0 });
    writeFileSync(`${current}.new`, planFileBytes(plan(3)));
    expect(await found(folder)).toEqual({ current: 2, problems: 0 });
    // The second name of the old file was made, and in place, and the process was gone.
    copyFileSync(current, `${before}.new`);
    expect(await found(folder)).toEqual({ current: 2, problems: 0 });
    copyFileSync(current, before);
    expect(await found(folder)).toEqual({ current: 2, problems: 0 });
    // What is left over disturbs no later save.
    expect((await store.saveCurrent(plan(4))).ok).toBe(true);
    expect(await found(folder)).toEqual({ current: 4, problems: 0 });
    rmSync(current);
    expect(await found(folder)).toEqual({ current: 2, problems: 0 });
  });

  it("refuses, and keeps the old plan, where it cannot write", async () => {
    const folder = aFolder();
    const store = new FilePlanStore(folder);
    await store.saveCurrent(plan(1));
    // A folder in the way of the new file stands for every reason that a disk can have.
    rmSync(join(folder, "current.plan.new"), { force: true });
    const blocked = new FilePlanStore(join(folder, "current.plan"));
    expect(await blocked.saveCurrent(plan(2))).toMatchObject({ ok: false, refusal: { code: "LKG_INVALID" } });
    expect(await found(folder)).toEqual({ current: 1, problems: 0 });
    expect(existsSync(join(folder, "current.plan.new"))).toBe(false);
  });
});
