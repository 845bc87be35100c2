import type { Refusal } from "../model/refusal.ts";

/** How the program ends. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** Refused: by the planner, or because what was given is wrong. */
  refused: 1,
  /** The command line itself was wrong. */
  usage: 2,
  /** No planner could be reached. */
  unreachable: 3,
  /** What was waited for ended badly: a shift was aborted, failed or replaced. */
  endedBadly: 4,
  /** Interrupted by the user; what was started goes on. */
  interrupted: 130,
} as const;

/** How a failure ends the program. */
interface Ending {
  readonly exitCode: number;
  readonly hint?: string;
  /** What else is wrong, a line each. */
  readonly others?: readonly string[];
}

/** Ends the program with one line that says what is wrong, and a hint at the way out. Caught in `main.ts` alone. */
export class Failure extends Error {
  readonly exitCode: number;
  readonly hint: string;
  readonly others: readonly string[];

  constructor(line: string, { exitCode, hint = "", others = [] }: Ending) {
    super(line);
    this.exitCode = exitCode;
    this.hint = hint;
    this.others = others;
  }
}

/** A refusal as the end of the program: `error: CODE field: message`. */
export function refused(refusal: Refusal): Failure {
  return new Failure(lineOf(refusal), { exitCode: EXIT.refused, hint: HINTS[refusal.code] ?? "" });
}

/** Everything that was refused, a line each. */
export function refusedAll(refusals: readonly Refusal[], hint: string): Failure {
  const [first = "", ...others] = refusals.map(lineOf);
  return new Failure(first, { exitCode: EXIT.refused, hint, others });
}

function lineOf({ code, field, message }: Refusal): string {
  return `${field === "" ? code : `${code} ${field}`}: ${message}`;
}

/** A command line that makes no sense. */
export function misused(message: string, hint = ""): Failure {
  return new Failure(`USAGE: ${message}`, { exitCode: EXIT.usage, hint });
}

/** Nobody answered. */
export function unreachable(message: string, hint: string): Failure {
  return new Failure(`UNREACHABLE: ${message}`, { exitCode: EXIT.unreachable, hint });
}

/** The user has seen enough. */
export function interrupted(message: string): Failure {
  return new Failure(`INTERRUPTED: ${message}`, { exitCode: EXIT.interrupted });
}

/** What to do about the refusals that people meet most. */
const HINTS: Readonly<Partial<Record<Refusal["code"], string>>> = {
  STALE_RESOURCE_VERSION: "somebody changed it meanwhile; look at it again, then repeat the command",
  INPUTS_MOVED: "the fleet moved since the preview; preview again",
  SHIFT_IN_PROGRESS: "see `weir shift list`; abort the other shift or wait for it",
  OVER_CAPACITY: "see where there is room with `weir preview`; a smaller share may fit, --force drains all the same",
  NO_LEADER: "the planners are choosing a leader; try again in a few seconds",
  STORE_ROLLED_BACK: "the log was restored from an older copy; see `weir recover`",
  WEIGHT_TYPE: "write shares as 50% or 33.33%, or as basis points: 5000bp",
  CERT_EXPIRED: "get a new certificate with `weir login`",
  UNKNOWN_SHIFT: "see `weir shift list`",
};
