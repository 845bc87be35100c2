import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeJoinToken } from "../../../src/wire/join-token.ts";
import { enrol } from "../../../agents/io/enrolment.ts";
import { IdentityFiles } from "../../../agents/io/identity.ts";
import { JoinRefused } from "../../../agents/io/join.ts";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { configure } from "../../../agents/config.ts";
import { aFolder } from "./folders.ts";
import { startScriptedPlanner } from "./scripted-planner.ts";

/** Enrols with a token, or with what is stored, in one folder again and again. */
async function anAgentFolder() {
  const planner = await startScriptedPlanner();
  const folder = aFolder();
  const path = join(folder, "agent.yaml");
  writeFileSync(path, "mesh: { kind: memory }\n");
  const files = new IdentityFiles(join(folder, "identity"));
  const start = async (token?: string, nowMs = Date.now()) => {
    const given = token === undefined ? [] : ["--token", token];
    const asked = configure(["--config", path, "--data-dir", folder, ...given], {});
    if (!asked.ok || asked.value.kind !== "run") throw new Error("the configuration is good");
    const { config } = asked.value;
    const clock = { nowMs: () => nowMs, monotonicMs: () => 0 };
    const signal = AbortSignal.timeout(10_000);
    return (await enrol({ config, files, uid: "uid-1", clock, log: SILENT_LOG, signal })).identity();
  };
  const newToken = (cluster = "us-east"): string => {
    const { address, authority } = planner;
    return encodeJoinToken({ addresses: [address], pin: authority.pin, secret: "fedcba9876543210fedc", cluster });
  };
  return { planner, start, newToken };
}

describe("enrolling", () => {
  it("joins once with a token, and goes on with the identity when it is started with that token again", async () => {
    const { planner, start } = await anAgentFolder();
    const token = planner.token();
    const first = await start(token);
    expect((await start(token)).serial).toBe(first.serial);
    expect((await start()).serial).toBe(first.serial);
  });

  it("joins anew with a token that is not the one it joined with", async () => {
    const { planner, start, newToken } = await anAgentFolder();
    const first = await start(planner.token());
    const second = await start(newToken());
    expect(second.cluster).toBe(first.cluster);
    expect(second.serial).not.toBe(first.serial);
    expect((await start()).serial).toBe(second.serial);
  });

  it("goes on with the identity it has when the new token is no good, even if that identity ended", async () => {
    const { planner, start } = await anAgentFolder();
    const first = await start(planner.token());
    expect((await start("weir1.bm90aGluZw")).serial).toBe(first.serial);
    expect((await start("weir1.bm90aGluZw", first.notAfterMs + 1)).serial).toBe(first.serial);
  });

  it("refuses to become another cluster in the folder of one", async () => {
    const { planner, start, newToken } = await anAgentFolder();
    await start(planner.token());
    await expect(start(newToken("eu-west"))).rejects.toThrow(/the token is for eu-west, but this folder is us-east's/);
  });

  it("asks for a token where nobody has joined yet", async () => {
    const { start } = await anAgentFolder();
    await expect(start()).rejects.toThrow(JoinRefused);
  });
});
