import type { Matrix } from "../../../model/fleet-document.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { clusterKeys } from "./names.ts";

/** What the values between clusters must keep. */
interface MatrixRules {
  readonly names: readonly ClusterId[];
  /** Both directions of a pair are one value: it may be given twice only if it is the same. */
  readonly isSymmetric: boolean;
}

interface Row {
  readonly source: ClusterId;
  readonly fields: Fields;
  readonly values: Readonly<Record<ClusterId, number>>;
}

/** Values between clusters; empty when none are given. */
export function matrixOf(fields: Fields, key: string, { names, isSymmetric }: MatrixRules): Matrix {
  const outer = fields.optionalFields(key);
  if (outer === undefined) return {};
  const rows = clusterKeys(outer, names).flatMap((source) => {
    const inner = outer.optionalFields(source);
    return inner === undefined ? [] : [{ source, fields: inner, values: rowOf(source, inner, names) }];
  });
  const matrix = Object.fromEntries(rows.map(({ source, values }) => [source, values])) as Matrix;
  if (isSymmetric) for (const row of rows) refuseOtherDirection(row, matrix, key);
  return matrix;
}

function rowOf(source: ClusterId, fields: Fields, names: readonly ClusterId[]): Row["values"] {
  const values = clusterKeys(fields, names).map((destination) => {
    if (destination === source)
      fields.refuse(
        "FIELD_INVALID",
        destination,
        `leads from ${source} to itself; only pairs of two clusters have one`,
      );
    return [destination, fields.optionalAmount(destination) ?? 0] as const;
  });
  return Object.fromEntries(values) as Row["values"];
}

function refuseOtherDirection({ source, fields, values }: Row, matrix: Matrix, key: string): void {
  for (const [destination, value] of Object.entries(values) as [ClusterId, number][]) {
    const back = matrix[destination]?.[source];
    // The pair is told of once, where the direction stands that sorts later.
    if (back === undefined || back === value || source < destination) continue;
    const why = `is ${value}, but ${key}.${destination}.${source} is ${back}; a pair has one value, give it once`;
    fields.refuse("FIELD_INVALID", destination, why);
  }
}
