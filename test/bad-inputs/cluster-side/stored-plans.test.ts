import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterAll, describe, expect, it } from "vitest";
import { DeltaBase, PlanDeltaSchema } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { Acknowledgement } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { planDigest } from "../../../src/wire/digest.ts";
import { toPosition } from "../../../src/wire/position.ts";
import { startScriptedPlanner } from "../../agents/io/scripted-planner.ts";
import type { SeenStream } from "../../agents/io/scripted-planner.ts";
import { CHECKOUT, at, stored } from "../../agents/plans.ts";
import { AgentSite } from "../world/agent.ts";
import { eventually, until } from "../world/process.ts";
import type { Running } from "../world/process.ts";

const LIMIT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "weir-bad-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HELD = stored();

async function offer(stream: SeenStream, revision: number): Promise<Acknowledgement> {
  const before = stream.said.length;
  const plan = create(PlanDeltaSchema, {
    position: toPosition(at(revision)),
    base: DeltaBase.NOTHING,
    routeSets: [HELD.bytes],
    digest: planDigest(new Map([[CHECKOUT, HELD.hash]])),
  });
  stream.send({ message: { case: "plan", value: plan } });
  const { message } = await eventually("its answer", () => stream.said[before]);
  if (message.case !== "acknowledgement") throw new Error(`the agent answered ${message.case}`);
  return message.value;
}

/** Hurts what an agent stored; `path` is the folder of its plans. */
type Damage = (path: string) => void;

const FILES = ["current.plan", "current-before.plan", "last-good.plan", "last-good-before.plan"];
const write = (name: string, content: (before: Buffer) => Uint8Array): Damage => {
  return (path) => writeFileSync(join(path, name), content(readFileSync(join(path, name))));
};
const flipped = (bytes: Buffer): Uint8Array =>
  bytes.map((byte, index) => (index === bytes.length - 9 ? byte ^ 1 : byte));
const ofOlderForm = (bytes: Buffer): Uint8Array => Buffer.concat([Buffer.from("WEIR-PLAN-0\n"), bytes.subarray(12)]);
const isRoot = process.getuid?.() === 0;

const DAMAGES: readonly (readonly [string, Damage, position: string | undefined, words: RegExp])[] = [
  [
    "a byte that is another",
    write("current.plan", flipped),
    "1/1/5",
    /^LKG_INVALID: .*current\.plan: its checksum does not hold/,
  ],
  [
    "nothing in it",
    write("current.plan", () => Buffer.alloc(0)),
    "1/1/5",
    /^LKG_INVALID: .*current\.plan: it is empty/,
  ],
  [
    "half of it",
    write("current.plan", (bytes) => bytes.subarray(0, bytes.length / 2)),
    "1/1/5",
    /^LKG_INVALID: .*checksum/,
  ],
  ["an older form", write("current.plan", ofOlderForm), "1/1/5", /^LKG_INVALID: .*is no plan file of this version/],
  [
    "a mode that lets others write",
    (path) => chmodSync(join(path, "current.plan"), 0o666),
    "1/1/5",
    /^LKG_INVALID: .*may be written by others/,
  ],
  ...(isRoot
    ? [
        [
          "another owner",
          (path: string) => chownSync(join(path, "current.plan"), 12_345, 12_345),
          "1/1/5",
          /^LKG_INVALID: .*belongs to user 12345/,
        ] as const,
      ]
    : []),
  [
    "a folder in its place",
    (path) => (unlinkSync(join(path, "current.plan")), mkdirSync(join(path, "current.plan"))),
    "1/1/5",
    /^LKG_INVALID: .*current\.plan/,
  ],
  [
    "damage in every file",
    (path) => FILES.forEach((name) => write(name, flipped)(path)),
    undefined,
    /^LKG_INVALID: .*current\.plan.*current-before\.plan/,
  ],
];

describe("63: a stored plan", { timeout: LIMIT_MS }, () => {
  const origin = new AgentSite(join(folder, "origin"));

  it("with damage is replaced by the one before it; without any, the mesh is left as it is", async () => {
    const planner = await startScriptedPlanner();
    const first = origin.start(planner.token());
    const stream = await eventually("the stream", () => planner.streams[0]);
    for (const revision of [5, 6]) {
      await offer(stream, revision);
      await until("it is last good", () => origin.plans()["last-good.plan"] === origin.plans()["current.plan"]);
    }
    await first.kill();
    planner.kill();
    const sites = DAMAGES.map((_row, index) => new AgentSite(join(folder, String(index))));
    await Promise.all(DAMAGES.map(async (row, index) => damaged(row, sites[index] ?? origin)));
    expect(sites).toHaveLength(DAMAGES.length);
  });

  async function damaged([what, damage, position, words]: (typeof DAMAGES)[number], site: AgentSite): Promise<void> {
    cpSync(origin.data, site.data, { recursive: true });
    rmSync(join(site.data, "agent.sock"), { force: true });
    damage(join(site.data, "plans"));
    const agent = site.start();
    const status = await eventually(`the status with ${what}`, async () => {
      if (agent.outcome() !== undefined) throw new Error(`${what}: the agent ended: ${agent.said()}`);
      return await site.ask("/status");
    });
    expect([what, status["position"]]).toEqual([what, position]);
    expect([what, status["alarms"]]).toEqual([what, [expect.stringMatching(words)]]);
    await site.untilStatus({ appliedHashes: position === undefined ? {} : { [CHECKOUT]: HELD.hash } });
    await site.stop();
  }

  /** Makes it impossible to write plans; returns how to mend it. */
  type Hindrance = (site: AgentSite, agent: Running) => () => void;
  const blocked: Hindrance = ({ data }) => {
    const path = join(data, "plans", "current.plan.new");
    mkdirSync(path);
    writeFileSync(join(path, "x"), "");
    return () => (unlinkSync(join(path, "x")), rmdirSync(path));
  };
  /** As a full disk does: what is written is cut short, with an error. */
  const full: Hindrance = (_site, { pid }) => {
    const limit = (size: string): void =>
      void spawnSync("prlimit", ["--pid", String(pid), `--fsize=${size}:unlimited`]);
    limit("20");
    return () => limit("unlimited");
  };

  it.each<[string, Hindrance]>([
    ["cannot be written", blocked],
    ...(process.platform === "linux" ? [["finds the disk full", full] as [string, Hindrance]] : []),
  ])("that %s is refused LKG_INVALID, and the one before it stays in force", async (what, hinder) => {
    const planner = await startScriptedPlanner();
    const site = new AgentSite(join(folder, what));
    const agent = site.start(planner.token());
    const stream = await eventually("the stream", () => planner.streams[0]);
    await offer(stream, 5);
    await until("it is last good", () => site.plans()["last-good.plan"] !== undefined);
    const [plans, mend] = [site.plans(), hinder(site, agent)];
    const { refusals } = await offer(stream, 6);
    expect(refusals).toMatchObject([{ code: "LKG_INVALID", detail: expect.stringContaining("cannot be written") }]);
    expect(await site.ask("/status")).toMatchObject({
      position: "1/1/5",
      appliedHashes: { [CHECKOUT]: HELD.hash },
      alarms: [expect.stringContaining("LKG_INVALID")],
    });
    expect(site.plans()).toEqual(plans);
    mend();
    await offer(stream, 7);
    expect(await site.ask("/status")).toMatchObject({ position: "1/1/7", alarms: [] });
    await site.stop();
  });
});
