import { EXCEPTIONS } from "./exceptions.ts";
import type { Exception } from "./exceptions.ts";
import { environment, moduleState, namedExports, noAny, silences } from "./forms.ts";
import { importTable } from "./import-table.ts";
import { names } from "./names.ts";
import { purity } from "./purity.ts";
import { sizes } from "./sizes.ts";
import type { Complaint, Rule, Source } from "./source.ts";

/** All that is asked of every hand-written file. */
export const RULES: readonly Rule[] = [
  importTable,
  purity,
  environment,
  moduleState,
  namedExports,
  noAny,
  silences,
  names,
  sizes,
];

/** What is wrong with these files, exceptions left out. */
export function judge(sources: readonly Source[], exceptions = EXCEPTIONS): readonly Complaint[] {
  return judgeAll(sources).filter((complaint) => !exceptions.some((exception) => covers(exception, complaint)));
}

/** Exceptions for which there is no complaint (any more). */
export function needless(sources: readonly Source[], exceptions = EXCEPTIONS): readonly Exception[] {
  const complaints = judgeAll(sources);
  return exceptions.filter((exception) => !complaints.some((complaint) => covers(exception, complaint)));
}

function judgeAll(sources: readonly Source[]): readonly Complaint[] {
  return sources.flatMap((source) => RULES.flatMap((rule) => rule.judge(source)));
}

function covers(exception: Exception, complaint: Complaint): boolean {
  return exception.path === complaint.path && exception.rule === complaint.rule;
}
