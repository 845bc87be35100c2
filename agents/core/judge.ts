import { isSequence, orderOf } from "../../src/model/position.ts";
import type { Position } from "../../src/model/position.ts";
import type { Refusal, RefusalCode } from "../../src/model/refusal.ts";
import { ok, refuse, unreachable } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import { printPosition } from "./holding.ts";

/** A plan's place in the order of all plans, and the digest of everything it holds. */
export interface Placed {
  readonly position: Position;
  /** Lower-case hex. */
  readonly digest: string;
}

/** `adopt`: newer than what is held. `repeat`: the same again, harmless. */
export type Judgement = "adopt" | "repeat";

/**
 * Whether an offered plan may replace the one held. An agent never goes backwards: what it holds is durable, so this
 * fences off delayed, repeated and restored planners alike (DynamoDB, October 2025: a slow enactor wrote an older plan
 * over a newer one). Refuses SEQ_RANGE, STORE_INCARNATION_CHANGED, STALE_EPOCH, STALE_REVISION, REVISION_CONFLICT.
 */
export function judgePosition(offered: Placed, held: Placed | undefined): Result<Judgement, Refusal> {
  const outOfRange = rangeRefusal(offered.position);
  if (outOfRange !== undefined) return refuse(outOfRange);
  if (held === undefined) return ok("adopt");
  const order = orderOf(offered.position, held.position);
  switch (order) {
    case "newer":
      return ok("adopt");
    case "equal":
      return offered.digest === held.digest
        ? ok("repeat")
        : refuse(refusal("REVISION_CONFLICT", "position.revision", conflictText(offered, held)));
    case "older-epoch":
      return refuse(refusal("STALE_EPOCH", "position.epoch", staleText(offered.position, held.position)));
    case "older-revision":
      return refuse(refusal("STALE_REVISION", "position.revision", staleText(offered.position, held.position)));
    case "other-incarnation":
      return refuse(
        refusal("STORE_INCARNATION_CHANGED", "position.incarnation", foreignText(offered.position, held.position)),
      );
    default:
      return unreachable(order);
  }
}

function rangeRefusal({ incarnation, epoch, revision }: Position): Refusal | undefined {
  if (isSequence(incarnation.generation) && isSequence(epoch) && isSequence(revision)) return undefined;
  const fields = { "incarnation.generation": incarnation.generation, epoch, revision };
  for (const [field, value] of Object.entries(fields)) {
    if (isSequence(value)) continue;
    const message = `is ${value}; an integer from 0 to ${Number.MAX_SAFE_INTEGER} is allowed`;
    return refusal("SEQ_RANGE", `position.${field}`, message);
  }
  return undefined;
}

function staleText(offered: Position, held: Position): string {
  const [told, known] = [printPosition(offered), printPosition(held)];
  return `offered ${told}, held ${known} (generation/epoch/revision); this planner is behind the newest`;
}

function conflictText(offered: Placed, held: Placed): string {
  const [told, known] = [offered.digest.slice(0, 12), held.digest.slice(0, 12)];
  const at = printPosition(offered.position);
  return `two plans are numbered ${at}: offered digest ${told}, held ${known}; the planner's log forked or was edited`;
}

function foreignText(offered: Position, held: Position): string {
  const [told, known] = [offered.incarnation, held.incarnation];
  return (
    `offered log ${told.id} of generation ${told.generation}, held log ${known.id} of generation ` +
    `${known.generation}; if the log was restored or wiped, raise its generation with weir recover`
  );
}

function refusal(code: RefusalCode, field: string, message: string): Refusal {
  return { code, field, message };
}
