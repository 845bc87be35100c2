import { InvalidArgumentError, Option } from "commander";
import { parseDuration, parseShare } from "./notation.ts";

/** `--step 25%`, in basis points. */
export function stepOption(): Option {
  return new Option("--step <share>", "most of one source's traffic that one step moves, such as 25%").argParser(share);
}

/** `--bake 10m`, in ms. */
export function bakeOption(): Option {
  return new Option("--bake <time>", "how long each step must look well before the next, such as 10m or 0s").argParser(
    time,
  );
}

/** `--reason TEXT`, which the log keeps. */
export function reasonOption(): Option {
  return new Option("--reason <text>", "why; recorded in the log").makeOptionMandatory();
}

/** `--wait`: stay until it is done. */
export function waitOption(what: string): Option {
  return new Option("--wait", `stay until ${what}, with progress`);
}

/** Reads a share into basis points for commander. */
export function share(text: string): number {
  const weight = parseShare(text);
  if (weight === undefined) throw new InvalidArgumentError("write a share as 50%, 33.33% or 5000bp.");
  return weight;
}

/** Reads a time into ms for commander. */
export function time(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("write a time as 250ms, 90s, 10m or 1h30m.");
  return ms;
}

/** Collects an option that may be repeated, or hold several values with commas between them. */
export function several(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(",").filter((part) => part !== "")];
}

/** Collects `key=value` options into fields. */
export function pairs(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const added = text.split(",").map((part) => {
    const at = part.indexOf("=");
    if (at < 1) throw new InvalidArgumentError("write it as key=value.");
    return [part.slice(0, at), part.slice(at + 1)] as const;
  });
  return { ...before, ...Object.fromEntries(added) };
}
