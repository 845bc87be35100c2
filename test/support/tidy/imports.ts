import { lineAt } from "./source.ts";
import type { Source, SyntaxNode } from "./source.ts";

/** One import, re-export, dynamic import or `import("…")` type. */
export interface Import {
  readonly specifier: string;
  /** The names taken, values only; `*` stands for all of them. */
  readonly values: readonly string[];
  readonly line: number;
}

/** Stands for a specifier that is computed at run time, which no table can judge. */
export const COMPUTED = "<computed>";

/** Everything a file takes from other modules, in the order of the text per kind. */
export function importsOf(source: Source): readonly Import[] {
  return [...staticImports(source), ...reExports(source), ...lateImports(source)];
}

function staticImports(source: Source): readonly Import[] {
  return source.module.staticImports.map((found) => ({
    specifier: found.moduleRequest.value,
    values: found.entries.filter((entry) => !entry.isType).map((entry) => entry.importName.name ?? "*"),
    line: lineAt(source, found.start),
  }));
}

function reExports(source: Source): readonly Import[] {
  return source.module.staticExports
    .flatMap((statement) => statement.entries)
    .flatMap((entry) => {
      if (entry.moduleRequest === null) return [];
      const values = entry.isType ? [] : [entry.importName.name ?? "*"];
      return [{ specifier: entry.moduleRequest.value, values, line: lineAt(source, entry.start) }];
    });
}

function lateImports(source: Source): readonly Import[] {
  return source.nodes.flatMap(([node]) => {
    if (node.type !== "ImportExpression" && node.type !== "TSImportType") return [];
    const values = node.type === "ImportExpression" ? ["*"] : [];
    return [{ specifier: literalOf(node), values, line: lineAt(source, node.start) }];
  });
}

function literalOf(node: SyntaxNode): string {
  const literal = node["source"] as SyntaxNode | undefined;
  const value = literal?.["value"];
  return typeof value === "string" ? value : COMPUTED;
}
