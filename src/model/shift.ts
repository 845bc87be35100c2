import type { Actor, ClusterId, ServiceId, ShiftId } from "./ids.ts";
import type { Split } from "./destination.ts";

/** What one source should come to send. `automatic` gives the source back to the planner's own allocation. */
export type ShiftTarget = { readonly kind: "split"; readonly split: Split } | { readonly kind: "automatic" };

/** Where a shift stands. The last four are final. */
export type ShiftPhase = "progressing" | "holding" | "completed" | "aborted" | "superseded" | "failed";

/** A request to move sources of a service to a target, step by step. */
export interface Shift {
  readonly shift: ShiftId;
  readonly service: ServiceId;
  readonly sources: readonly ClusterId[];
  readonly target: ShiftTarget;
  readonly maxStepWeight: number;
  readonly bakeMs: number;
  readonly actor: Actor;
  readonly reason: string;
  readonly phase: ShiftPhase;
  /** Why it holds or ended, in words a person can act on; empty while it simply progresses. */
  readonly detail: string;
  readonly requestedAtMs: number;
  readonly endedAtMs?: number;
  readonly stepsTaken: number;
  /** Pins of the sources before the shift, to return to on abort; a missing source was automatic. */
  readonly before: Readonly<Record<ClusterId, Split>>;
}

/** Whether a shift has come to its end. */
export function hasEnded(shift: Shift): boolean {
  return shift.phase !== "progressing" && shift.phase !== "holding";
}
