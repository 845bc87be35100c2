import { AbortShiftRequestSchema, RequestShiftRequestSchema } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { ShiftService } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { ShiftId } from "../../../model/ids.ts";
import { ok } from "../../../model/result.ts";
import { hasEnded } from "../../../model/shift.ts";
import type { Shift } from "../../../model/shift.ts";
import { previewSteps } from "../../../planner/preview.ts";
import { toSequence } from "../../../wire/position.ts";
import {
  abortShift,
  findShift,
  previewShift,
  requestShift,
  selectShifts,
  toPreview,
  toShift,
} from "../../../wire/shift.ts";
import type { Implementation } from "../bind.ts";
import type { OperatorParts } from "./parts.ts";
import { states } from "./states.ts";
import { mapped, write } from "./write.ts";

/** Shifts: previewing, requesting, watching, aborting. */
export function shiftService(parts: OperatorParts): Implementation<typeof ShiftService> {
  const { engine, randomness } = parts;
  const one = (state: FleetState, { sequence, subject }: { sequence: number; subject: string }) =>
    mapped(findShift(state, subject), (shift) => ({ shift: toShift(shift, state), sequence: toSequence(sequence) }));
  return {
    previewShift: async (request, { actor }) => {
      const command = previewShift(request);
      if (!command.ok) return command;
      const before = engine.state();
      const after = engine.preview({ command: command.value, actor, requestId: "", requestDigest: "" });
      return mapped(after, (state) => {
        const hypothesis = { service: command.value.service, before, after: state };
        return toPreview({ ...previewSteps(hypothesis, parts.settings), sequence: before.sequence });
      });
    },
    requestShift: async (request, call) => {
      const command = requestShift(request, `shift-${randomness.id()}` as ShiftId);
      return write(engine, { schema: RequestShiftRequestSchema, request, command, call, answer: one });
    },
    listShifts: async ({ service }) => {
      const state = engine.state();
      const shifts = selectShifts(state, service).map((shift) => toShift(shift, state));
      return ok({ shifts, sequence: toSequence(state.sequence) });
    },
    getShift: async ({ shift }) => {
      const state = engine.state();
      return one(state, { sequence: state.sequence, subject: shift });
    },
    watchShift: async ({ shift: id }, call) => {
      const seen = new Seen();
      for await (const state of states(engine, call.signal)) {
        const shift = findShift(state, id);
        if (!shift.ok) return shift;
        const message = { shift: toShift(shift.value, state), sequence: toSequence(state.sequence) };
        if (seen.isNew(shift.value, message.shift.current)) await call.emit(message);
        if (hasEnded(shift.value)) return ok(undefined);
      }
      return ok(undefined);
    },
    abortShift: async (request, call) =>
      write(engine, { schema: AbortShiftRequestSchema, request, command: abortShift(request), call, answer: one }),
  };
}

/** What a watcher was shown last: the shift itself, and the splits its sources have by now. */
class Seen {
  #shift: Shift | undefined;
  #current = "";

  isNew(shift: Shift, current: unknown): boolean {
    const text = JSON.stringify(current);
    if (shift === this.#shift && text === this.#current) return false;
    this.#shift = shift;
    this.#current = text;
    return true;
  }
}
