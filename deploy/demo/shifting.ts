import { ShiftPhase, type Shift } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { enumName } from "./enum-name.ts";
import { METHODS } from "./operator.ts";
import type { Play } from "./play.ts";
import { percent } from "./shares.ts";
import { waitFor } from "./waiting.ts";

/** How the demo paces what operators ask for: real steps, watched for a second and a half instead of ten minutes. */
export const DEMO_PACE = { maxStepWeight: 2_500, bakeMs: 1_500 } as const;

/** Asks for a shift of the moved service; weights in basis points by `cluster/version`, or undefined for automatic. */
export async function requestShift(
  play: Play,
  source: string,
  wanted: { readonly weights: Readonly<Record<string, number>> | undefined; readonly reason: string },
): Promise<string> {
  const { shift } = await play.operator.call(METHODS.requestShift, {
    requestId: `demo-${source}-${Date.now()}`,
    proposal: {
      service: play.service,
      sources: [source],
      target: targetOf(wanted.weights),
      ...DEMO_PACE,
      reason: wanted.reason,
    },
  });
  if (shift === undefined) throw new Error("the planner answered without a shift");
  return shift.shift;
}

function targetOf(weights: Readonly<Record<string, number>> | undefined): {
  target:
    | { case: "automatic"; value: object }
    | { case: "split"; value: { weights: { destination: { cluster: string; version: string }; weight: number }[] } };
} {
  if (weights === undefined) return { target: { case: "automatic", value: {} } };
  const entries = Object.entries(weights).map(([key, weight]) => {
    const [cluster = "", version = ""] = key.split("/");
    return { destination: { cluster, version }, weight };
  });
  return { target: { case: "split", value: { weights: entries } } };
}

/** Follows a shift to its end, showing each step. Throws unless it completes. */
export async function followShift(play: Play, shift: string, timeoutMs: number): Promise<Shift> {
  let shown = "";
  return await waitFor(
    `shift ${shift} to complete`,
    async () => {
      const { shift: now } = await play.operator.call(METHODS.getShift, { shift });
      if (now === undefined) return undefined;
      const line = lineOf(now);
      if (line !== shown) play.say(line);
      shown = line;
      if (now.phase === ShiftPhase.COMPLETED) return now;
      if (now.phase > ShiftPhase.COMPLETED)
        throw new Error(`the shift ended as ${enumName(ShiftPhase, now.phase)}: ${now.detail}`);
      return undefined;
    },
    { timeoutMs, describe: () => shown },
  );
}

function lineOf(shift: Shift): string {
  const splits = shift.current.map(({ cluster, weights }) => {
    const parts = weights.map(
      ({ destination, weight }) => `${destination?.cluster}/${destination?.version} ${percent(weight / 10_000)}`,
    );
    return `${cluster}: ${parts.join(", ")}`;
  });
  return `step ${shift.stepsTaken}  ${splits.join("  ")}${shift.detail === "" ? "" : `  (${shift.detail})`}`;
}
