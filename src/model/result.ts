/** Success with a value, or a refusal that explains itself. Expected outcomes are values, never exceptions. */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: E };

/** Wraps a value as a success. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Wraps a refusal as a failure. */
export function refuse<E>(refusal: E): { readonly ok: false; readonly refusal: E } {
  return { ok: false, refusal };
}

/** Stops on a broken promise of our own code: a bug, never bad input. */
export function assert(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new Error(`broken promise: ${promise}`);
}

/** Marks a branch that the type system proves impossible. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
