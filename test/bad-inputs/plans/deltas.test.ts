import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "vitest";
import { DeltaBase, PlanDeltaSchema } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { Acknowledgement, PlanDelta } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { StoredRouteSet } from "../../../agents/core/holding.ts";
import { PositionSchema } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { planDigest } from "../../../src/wire/digest.ts";
import { toPosition } from "../../../src/wire/position.ts";
import { startScriptedPlanner } from "../../agents/io/scripted-planner.ts";
import type { SeenStream } from "../../agents/io/scripted-planner.ts";
import { CHECKOUT, OWN, at, stored } from "../../agents/plans.ts";
import { AgentSite } from "../world/agent.ts";
import { eventually, until } from "../world/process.ts";

const LIMIT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "weir-bad-"));
const site = new AgentSite(folder);

afterEach(async () => {
  await site.stop();
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MS);

const HELD = stored();
/** Moves no more at once than an agent takes from one plan. */
const OTHER = stored({ weights: { [`${OWN}/v1`]: 9_000, "eu-west/v1": 1_000 } });

function delta(revision: number, change: MessageInitShape<typeof PlanDeltaSchema> = {}, entry = OTHER): PlanDelta {
  return create(PlanDeltaSchema, {
    position: create(PositionSchema, toPosition(at(revision))),
    base: DeltaBase.NOTHING,
    routeSets: [entry.bytes],
    digest: digest(entry),
    ...change,
  });
}

const digest = ({ hash }: StoredRouteSet): Uint8Array => planDigest(new Map([[CHECKOUT, hash]]));

const POSITION = create(PositionSchema, toPosition(at(10)));
const U64_MAX = 2n ** 64n - 1n;

type Row = readonly [number: string, input: string, offer: PlanDelta, code: string, words: RegExp];

const ROWS: readonly Row[] = [
  ["18", "an older revision", delta(9), "STALE_REVISION", /position\.revision: offered 1\/1\/9, held 1\/1\/10/],
  ["18", "the same revision with another digest", delta(10), "REVISION_CONFLICT", /two plans are numbered 1\/1\/10/],
  [
    "19",
    "a revision of 2^53",
    delta(10, { position: { ...POSITION, revision: 2n ** 53n } }),
    "SEQ_RANGE",
    /position\.revision: .*at most 9007199254740991/,
  ],
  [
    "19",
    "a revision of 2^64 - 1",
    delta(10, { position: { ...POSITION, revision: U64_MAX } }),
    "SEQ_RANGE",
    /at most 9007199254740991/,
  ],
  [
    "19",
    "an epoch of 2^64 - 1",
    delta(10, { position: { ...POSITION, epoch: U64_MAX } }),
    "SEQ_RANGE",
    /position\.epoch: /,
  ],
  [
    "20",
    "a lower epoch",
    delta(11, { position: create(PositionSchema, toPosition(at(11, 0))) }),
    "STALE_EPOCH",
    /position\.epoch: offered 1\/0\/11, held 1\/1\/10/,
  ],
  [
    "21",
    "another incarnation",
    delta(11, { position: create(PositionSchema, toPosition(at(11, 2, { generation: 1, id: "log-2" }))) }),
    "STORE_INCARNATION_CHANGED",
    /log-2 .*weir recover/,
  ],
  [
    "23",
    "a digest that is not the content's",
    delta(11, { digest: new Uint8Array(32) }),
    "HASH_MISMATCH",
    /nothing of it is used/,
  ],
  [
    "23",
    "a digest that is too short",
    delta(11, { digest: new Uint8Array(31) }),
    "SCHEMA_INVALID",
    /has 31 bytes, not 32/,
  ],
  ["27", "a base that nobody knows", delta(11, { base: 7 as DeltaBase }), "UNKNOWN_ENUM", /base: 7 is no delta base/],
  ["4", "no position", delta(11, { position: undefined as never }), "FIELD_REQUIRED", /position: is required/],
];

describe("a plan that an agent must not follow", { timeout: LIMIT_MS }, () => {
  it("is refused with its code, and plan, files and mesh stay as they were", async () => {
    const planner = await startScriptedPlanner();
    const agent = site.start(planner.token());
    const stream = await eventually("the stream", () => planner.streams[0]);
    await offer(stream, delta(10, {}, HELD));
    const settled = await site.untilStatus({ position: "1/1/10", appliedHashes: { [CHECKOUT]: HELD.hash } });
    await until("it is last good as well", () => Object.keys(site.plans()).length === 2);
    const [plans, kept] = [site.plans(), routesIn(settled)];
    for (const [number, input, plan, code, words] of ROWS) {
      // One after the other: each meets the state that the one before it left.
      const { refusals } = await offer(stream, plan);
      const [refusal] = refusals.filter(({ service }) => service === "");
      expect([number, input, refusal?.code, refusal?.detail]).toEqual([
        number,
        input,
        code,
        expect.stringMatching(words) as string,
      ]);
      expect([input, routesIn(await site.ask("/status"))]).toEqual([input, kept]);
      expect([input, site.plans()]).toEqual([input, plans]);
    }
    await truncated(stream);
    expect(routesIn(await site.ask("/status"))).toEqual(kept);
    expect(site.plans()).toEqual(plans);
    expect(agent.outcome()).toBeUndefined();
    // The same again is harmless.
    expect((await offer(stream, delta(10, {}, HELD))).refusals.filter(({ service }) => service !== "")).toEqual([]);
    await offer(stream, delta(11));
    await site.untilStatus({ position: "1/1/11", appliedHashes: { [CHECKOUT]: OTHER.hash } });
  });

  /** 23: a route set that was cut short at each byte, inside a delta that is whole. */
  async function truncated(stream: SeenStream): Promise<void> {
    for (let length = 0; length < OTHER.bytes.length; length += 1) {
      const { refusals } = await offer(stream, delta(11, { routeSets: [OTHER.bytes.subarray(0, length)] }));
      expect([length, refusals[0]?.code]).toEqual([length, "HASH_MISMATCH"]);
    }
  }
});

/** What an agent routes by. */
function routesIn(status: Readonly<Record<string, unknown>> | undefined): unknown {
  return { position: status?.["position"], appliedHashes: status?.["appliedHashes"] };
}

/** Sends a delta and waits for what is said of it. */
async function offer(stream: SeenStream, plan: PlanDelta): Promise<Acknowledgement> {
  const before = stream.said.length;
  stream.send({ message: { case: "plan", value: plan } });
  const { message } = await eventually("its answer", () => stream.said[before]);
  if (message.case === "acknowledgement") return message.value;
  throw new Error(`the agent answered ${message.case}`);
}
