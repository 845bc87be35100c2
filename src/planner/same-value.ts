/** Whether two plain values (JSON without null) are the same, whatever the order of their keys. Undefined fields count as missing. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [fieldsA, fieldsB] = [definedFields(a), definedFields(b)];
  return fieldsA.size === fieldsB.size && [...fieldsA].every(([key, value]) => sameValue(value, fieldsB.get(key)));
}

function definedFields(value: object): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(value).filter(([, field]) => field !== undefined));
}
