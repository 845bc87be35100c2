import type { Command } from "commander";
import { WatchShiftResponseSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Shift, WatchShiftResponse } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { EXIT, Failure, interrupted, unreachable } from "../failure.ts";
import { Progress, clockTime } from "../progress.ts";
import type { Session } from "../session.ts";
import { harmless } from "../terminal.ts";
import type { Paint } from "../terminal.ts";
import { endOf, phaseWord, sourceSplitWords, targetWords } from "../view.ts";

/** `weir shift watch ID` */
export function addWatch(parent: Command, session: Session): void {
  parent
    .command("watch")
    .description("follow a shift until it ends")
    .argument("<shift>", "id of the shift")
    .action(async (id: string, _options: unknown, command: Command) => followShift({ id, command }, session));
}

/** Shows a shift until it ends; fails unless it completes. */
export async function followShift(
  { id, command }: { readonly id: string; readonly command: Command },
  session: Session,
): Promise<void> {
  const planner = await session.planner(command);
  const progress = new Progress(session.terminal);
  for await (const message of planner.watch(API.shifts.watchShift, { shift: id }, session.signal)) {
    const { shift } = message;
    if (shift === undefined) continue;
    show(message, { progress, command, session });
    const end = endOf(shift);
    if (end === "well") return;
    if (end === "badly") throw ended(shift);
  }
  if (session.signal.aborted) throw interrupted(`stopped looking; shift ${id} goes on`);
  throw unreachable(`the planner stopped telling of shift ${id}`, `see how it stands with: weir shift list`);
}

function show(
  message: WatchShiftResponse,
  { progress, command, session }: { readonly progress: Progress; readonly command: Command; readonly session: Session },
): void {
  const { shift } = message;
  if (session.format(command) !== "table" || shift === undefined) {
    session.print(command, { schema: WatchShiftResponseSchema, message, lines: () => [] });
    return;
  }
  progress.show([`${clockTime(Date.now())} ${progressWords(shift, session.terminal.paint)}`]);
}

/** How far a shift is, in one line. */
function progressWords(shift: Shift, paint: Paint): string {
  const steps = `${shift.stepsTaken} ${shift.stepsTaken === 1 ? "step" : "steps"}`;
  const now = shift.current.length === 0 ? "" : `: ${sourceSplitWords(shift.current)}`;
  const goal = endOf(shift) === "running" ? ` (target ${targetWords(shift.target)})` : "";
  const detail = shift.detail === "" ? "" : `, ${harmless(shift.detail)}`;
  return `${phaseWord(shift, paint)}, ${steps}${now}${goal}${detail}`;
}

function ended(shift: Shift): Failure {
  const word = phaseWord(shift, (_, text) => text);
  const detail = shift.detail === "" ? "" : `: ${harmless(shift.detail)}`;
  return new Failure(`SHIFT_ENDED: shift ${shift.shift} ended ${word}${detail}`, { exitCode: EXIT.endedBadly });
}
