import assert from "node:assert/strict";
import loadHighs from "highs";
import type { ModelData } from "highs";
import { costAt } from "../curve.ts";
import type { Instance } from "../instance.ts";
import { limitsRps } from "./convex-costs.ts";

/** Straight pieces of each backend's cost, unless said otherwise. */
export const SEGMENTS = 24;

/** How the convex problem becomes a linear one. */
export interface Linearisation {
  readonly utilisationMax: number;
  readonly segments?: number;
}

/** HiGHS in this process: solves one linear programme after the other. */
export interface LinearSolver {
  /** The least value, ms * rps, and the columns that have it; throws when there is none. */
  solve(programme: ModelData): { readonly value: number; readonly columns: ArrayLike<number> };
  close(): void;
}

/** Loads HiGHS (WebAssembly). */
export async function openLinearSolver(): Promise<LinearSolver> {
  // Its types speak of the CommonJS build; the ECMAScript build that Node takes has the loader itself as its default export.
  const load = loadHighs as unknown as (typeof loadHighs)["default"];
  const highs = await load();
  const model = highs.createModel();
  model.options.set({ output_flag: false });
  return {
    solve: (programme) => {
      model.passModel(programme);
      model.run();
      assert.equal(model.getModelStatus(), highs.constants.modelStatus.optimal, "the linear programme has an optimum");
      return { value: model.getObjectiveValue(), columns: model.getSolution().colValue };
    },
    close: () => {
      model.dispose();
    },
  };
}

/** One column under construction: its cost, its bound, and where it stands. */
interface Column {
  readonly cost: number;
  readonly upper: number;
  readonly entries: readonly (readonly [row: number, value: number])[];
}

/** The rows in their order: sources, backends, and what a release asks for. */
interface Rows {
  readonly lower: number[];
  readonly upper: number[];
}

/**
 * The division of one service as a linear programme in compressed columns: what each source sends to each backend, and each
 * backend's load in pieces along chords of its cost. Chords lie above a convex curve, so that the value is never below the
 * optimum, and above it by no more than the chords are.
 */
export function linearProgrammeOf(instance: Instance, how: Linearisation): ModelData {
  const rows = rowsOf(instance);
  const columns = [...waysOf(instance), ...piecesOf(instance, how)];
  const starts = [0];
  for (const { entries } of columns) starts.push((starts.at(-1) ?? 0) + entries.length);
  return {
    numCols: columns.length,
    numRows: rows.lower.length,
    colCost: columns.map(({ cost }) => cost),
    colLower: columns.map(() => 0),
    colUpper: columns.map(({ upper }) => upper),
    rowLower: rows.lower,
    rowUpper: rows.upper,
    matrix: {
      format: "csc",
      numRows: rows.lower.length,
      numCols: columns.length,
      starts,
      indices: columns.flatMap(({ entries }) => entries.map(([row]) => row)),
      values: columns.flatMap(({ entries }) => entries.map(([, value]) => value)),
    },
  };
}

function rowsOf({ demandRps, backends, release, totalRps }: Instance): Rows {
  const rows: Rows = { lower: [...demandRps], upper: [...demandRps] };
  for (const _ of backends) {
    rows.lower.push(0);
    rows.upper.push(0);
  }
  if (release === undefined) return rows;
  for (const rps of demandRps) {
    rows.lower.push(0);
    rows.upper.push(rps * release.maxSourceShare);
  }
  rows.lower.push(totalRps * release.share);
  rows.upper.push(totalRps * release.share);
  return rows;
}

function waysOf(instance: Instance): readonly Column[] {
  const { demandRps, backends, release } = instance;
  const sources = demandRps.length;
  const releaseRow = sources + backends.length;
  return demandRps.flatMap((rps, source) =>
    backends.flatMap((backend, b): readonly Column[] => {
      const isReleased = backend.version === release?.version;
      const isServed = isReleased || backend.version === instance.stableVersion;
      if (rps === 0 || !isServed || instance.mayUse[source]?.[b] !== true) return [];
      const entries: [number, number][] = [
        [source, 1],
        [sources + b, 1],
      ];
      if (isReleased) entries.push([releaseRow + source, 1], [releaseRow + sources, 1]);
      return [{ cost: instance.costMs[source]?.[b] ?? Number.NaN, upper: instance.maxShare * rps, entries }];
    }),
  );
}

function piecesOf(instance: Instance, { utilisationMax, segments = SEGMENTS }: Linearisation): readonly Column[] {
  const limits = limitsRps(instance, utilisationMax);
  return instance.backends.flatMap(({ curve }, b) => {
    const limit = Math.min(limits[b] ?? 0, instance.totalRps);
    // A queue's pieces are shorter towards the limit, where its curve bends most.
    const power = curve.kind === "queue" ? 2 : 1;
    const points = Array.from({ length: segments + 1 }, (_, k) => limit * (1 - (1 - k / segments) ** power));
    return points.slice(1).map((to, k): Column => {
      const from = points[k] ?? 0;
      const slope = (costAt(curve, to).value - costAt(curve, from).value) / (to - from);
      return { cost: slope, upper: to - from, entries: [[instance.demandRps.length + b, -1]] };
    });
  });
}
