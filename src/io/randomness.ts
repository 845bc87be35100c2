import { randomBytes } from "node:crypto";
import type { Randomness } from "../engine/ports.ts";

/** 128 bits: two ids never meet. */
const ID_BYTES = 16;

/** The operating system's randomness for ids; the ordinary generator for spreading things out in time. */
export const SYSTEM_RANDOMNESS: Randomness = {
  id: () => randomBytes(ID_BYTES).toString("base64url"),
  fraction: () => Math.random(),
};
