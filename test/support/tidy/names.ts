import type { Complaint, Rule, Source } from "./source.ts";

/** Words that could name anything, and so collect everything. */
const EMPTY_WORDS: ReadonlySet<string> = new Set([
  "util",
  "utils",
  "helper",
  "helpers",
  "common",
  "types",
  "manager",
  "managers",
  "handler",
  "handlers",
  "processor",
  "processors",
  "misc",
]);

/** kebab-case; a test, benchmark or configuration says so after a dot. */
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|config|d))?\.tsx?$/;

/** Files and folders are named for what they hold. */
export const names: Rule = { name: "names", judge: judgeNames };

function judgeNames({ path }: Source): readonly Complaint[] {
  const parts = path.split("/");
  const empty = parts.flatMap(words).filter((word) => EMPTY_WORDS.has(word));
  const messages = empty.map((word) => `"${word}" names nothing`);
  if (!FILE_NAME.test(parts.at(-1) ?? "")) messages.push("a file name is kebab-case.ts");
  return messages.map((message) => ({ path, line: 1, rule: names.name, message }));
}

function words(part: string): readonly string[] {
  return part.toLowerCase().split(/[-_.]/);
}
