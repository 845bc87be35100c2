import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lockFolder } from "../../../agents/io/folder-lock.ts";
import { clusterUid } from "../../../agents/io/uid.ts";
import { aFolder } from "./folders.ts";

describe("the cluster's UID", () => {
  it("is made once and kept", async () => {
    const folder = join(aFolder(), "data");
    const uid = await clusterUid(folder);
    expect(uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await clusterUid(folder)).toBe(uid);
    expect(await clusterUid(aFolder())).not.toBe(uid);
  });

  it("is not made anew over a broken file, which would look like a copied identity", async () => {
    const folder = aFolder();
    writeFileSync(join(folder, "cluster-uid"), "", { mode: 0o600 });
    await expect(clusterUid(folder)).rejects.toThrow(/holds no cluster UID/);
  });
});

describe("the folder's lock", () => {
  it("keeps a second living agent out", async () => {
    const folder = aFolder();
    writeFileSync(join(folder, "agent.lock"), String(process.ppid));
    await expect(lockFolder(folder)).rejects.toThrow(`process id ${process.ppid}`);
  });

  it("is not fooled by another process that has the id of one that is gone", async () => {
    const folder = aFolder();
    writeFileSync(join(folder, "agent.lock"), `${process.ppid} 1`);
    await (await lockFolder(folder)).release();
    expect(existsSync(join(folder, "agent.lock"))).toBe(false);
  });

  it("takes over from one that was killed, and is given back", async () => {
    const folder = aFolder();
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(join(folder, "agent.lock"), String(pid));
    const lock = await lockFolder(folder);
    expect(readFileSync(join(folder, "agent.lock"), "utf8")).toMatch(new RegExp(`^${process.pid} \\d*$`));
    await lock.release();
    expect(existsSync(join(folder, "agent.lock"))).toBe(false);
  });
});
