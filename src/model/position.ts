/**
 * Which life of the log a plan comes from. A restored or wiped log gets a higher generation by `weir recover`,
 * so that agents, who remember, can tell it from the log they knew.
 */
export interface Incarnation {
  readonly generation: number;
  readonly id: string;
}

/**
 * Orders everything an agent may apply. `epoch` is the leader's term; `revision` is the log sequence of the last
 * record that released something to *this* cluster, so that a change elsewhere costs a cluster nothing.
 */
export interface Position {
  readonly incarnation: Incarnation;
  readonly epoch: number;
  readonly revision: number;
}

/** How an offered position stands to the one an agent holds. */
export type PositionOrder = "older-epoch" | "older-revision" | "equal" | "newer" | "other-incarnation";

/**
 * Compares an offered position with the one held. A higher generation is newer whatever its numbers; another
 * incarnation of the same or a lower generation is foreign. A lower epoch is older even with a higher revision.
 */
export function orderOf(offered: Position, held: Position): PositionOrder {
  if (offered.incarnation.generation > held.incarnation.generation) return "newer";
  if (offered.incarnation.id !== held.incarnation.id) return "other-incarnation";
  if (offered.incarnation.generation < held.incarnation.generation) return "other-incarnation";
  if (offered.epoch < held.epoch) return "older-epoch";
  if (offered.revision < held.revision) return "older-revision";
  return offered.revision === held.revision ? "equal" : "newer";
}

/** Whether two incarnations are one life of the log. */
export function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return a.generation === b.generation && a.id === b.id;
}

/** Whether a number can be a revision or epoch: a non-negative integer that a double holds exactly. */
export function isSequence(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
