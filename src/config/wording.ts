import type { z } from "zod";
import { configKeys, groups } from "./keys.ts";
import type { Layers } from "./layers.ts";
import { suggestion } from "./suggestion.ts";
import type { ConfigFile } from "./yaml-file.ts";

/** One problem as lines for people: key, value, what is wrong, and where it was set. */
export function lines(
  issue: z.core.$ZodIssue,
  { layers, file }: { layers: Layers; file: ConfigFile },
): readonly string[] {
  const key = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((unknown) => {
      const path = [...issue.path, unknown];
      const hint = suggestion(path.join("."), [...configKeys(), ...groups()]);
      return `${path.join(".")}: is no key of the configuration (${file.lineOf(path)})${hint}`;
    });
  }
  const origin = layers.origins.get(key) ?? file.lineOf(issue.path);
  const shown = JSON.stringify(issue.input)?.slice(0, 80) ?? "nothing";
  return [`${key}: ${shown} ${issue.message} (${origin})`];
}
