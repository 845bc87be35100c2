import { z } from "zod";
import { schema } from "./schema.ts";

/** The keys that can be set, with dots. */
export function configKeys(): readonly string[] {
  return [...leaves().keys()].toSorted();
}

/** Every key with the type behind its default. */
export function leaves(object: z.ZodType = schema, prefix = ""): ReadonlyMap<string, z.ZodType> {
  const inner = unwrapped(object);
  if (!(inner instanceof z.ZodObject)) return new Map([[prefix, inner]]);
  return new Map(
    Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, type]) => [
      ...leaves(type, prefix === "" ? key : `${prefix}.${key}`),
    ]),
  );
}

/** The names that keys begin with: `listen`, `nats`. */
export function groups(): ReadonlySet<string> {
  return new Set(configKeys().flatMap((key) => (key.includes(".") ? key.slice(0, key.lastIndexOf(".")) : [])));
}

function unwrapped(type: z.ZodType): z.ZodType {
  if (type instanceof z.ZodDefault || type instanceof z.ZodPrefault) return unwrapped(type.def.innerType as z.ZodType);
  return type instanceof z.ZodPipe ? unwrapped(type.def.in as z.ZodType) : type;
}
