import { stripVTControlCharacters } from "node:util";

/** A column: its title, and where its cells stand. */
export interface Column {
  readonly title: string;
  readonly align?: "right";
}

const GAP = "  ";

/**
 * Lines of a table with aligned columns and no rules. Columns that are empty in every row are left out, title and all.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const filled = columns.map((_, index) => index).filter((index) => rows.some((row) => (row[index] ?? "") !== ""));
  const shown = rows.length === 0 ? columns.map((_, index) => index) : filled;
  const cells = [columns.map(({ title }) => title), ...rows].map((row) => shown.map((index) => row[index] ?? ""));
  const widths = shown.map((_, index) => Math.max(...cells.map((row) => width(row[index] ?? ""))));
  return cells.map((row) =>
    row
      .map((cell, index) => padded(cell, widths[index] ?? 0, columns[shown[index] ?? 0]?.align))
      .join(GAP)
      .trimEnd(),
  );
}

function padded(cell: string, size: number, align: "right" | undefined): string {
  const space = " ".repeat(Math.max(0, size - width(cell)));
  return align === "right" ? space + cell : cell + space;
}

function width(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}

/** Rows in which a cell that repeats the one above, with all cells before it, is left blank. */
export function grouped(rows: readonly (readonly string[])[], columns: number): readonly (readonly string[])[] {
  return rows.map((row, index) => {
    const above = rows[index - 1];
    const same = row.findIndex((cell, column) => above === undefined || column >= columns || cell !== above[column]);
    return row.map((cell, column) => (column < (same === -1 ? row.length : same) ? "" : cell));
  });
}
