import type { Row } from "./row.ts";

const HEADINGS = ["case", "Weir", "rival", "unit", "ratio", "aim", ""] as const;

/** The rows as a table for people. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines.map((line) => padded(line, widths)).join("\n");
}

function cellsOf(row: Row): readonly string[] {
  const verdict = row.aim === "none" ? "" : row.holds ? "holds" : "MISSED";
  return [row.case, shown(row.value), shown(row.rival), row.unit, shown(row.ratio), row.aim, verdict];
}

function padded(line: readonly string[], widths: readonly number[]): string {
  const cells = line.map((cell, column) =>
    isNumeric(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
  );
  return cells.join("  ").trimEnd();
}

function isNumeric(column: number): boolean {
  return column === 1 || column === 2 || column === 4;
}

/** Three digits that mean something, without an exponent. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return "∞";
  if (value === 0 || Math.abs(value) >= 1_000) return value.toFixed(0);
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}
