import { isMessage } from "@bufbuild/protobuf";
import type { Message } from "@bufbuild/protobuf";

/** Stands where a message would be that could not be decoded. */
export class Undecodable {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Nested deeper than any message of the contract. */
const DEPTH_MAX = 16;

/**
 * Why a request is not what its method takes; undefined when it is. A field that this planner does not know is refused
 * rather than dropped: it may be what the caller cares about most.
 */
export function strangeFields(request: Message | Undecodable): string | undefined {
  if (request instanceof Undecodable) return request.reason;
  return strangeIn(request, 0);
}

function strangeIn(message: Message, depth: number): string | undefined {
  const [unknown] = message.$unknown ?? [];
  if (unknown !== undefined) return `${message.$typeName} has no field ${unknown.no}`;
  if (depth > DEPTH_MAX) return `${message.$typeName} is nested too deeply`;
  return first(Object.values(message), depth);
}

function first(values: readonly unknown[], depth: number): string | undefined {
  for (const value of values) {
    const reason = strangeWithin(value, depth);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function strangeWithin(value: unknown, depth: number): string | undefined {
  if (isMessage(value)) return strangeIn(value, depth + 1);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  // Lists, maps, and the chosen case of a oneof.
  return first(Object.values(value), depth);
}
