import { percentile } from "../statistics.ts";
import { BASELINES, TITLES, overall } from "./compare.ts";
import type { Judged, ScenarioResult, ServiceResult } from "./compare.ts";

/** Below this share of served requests a ratio is followed by it. */
const ALL_SERVED = 0.9995;

const POLICIES = ["weir", ...BASELINES] as const;

type Policy = (typeof POLICIES)[number];

/** Every scenario's objectives as ratios to the certified optimum under the same limit, services weighted by requests. */
export function ratioTable(results: readonly ScenarioResult[]): string {
  const headings = ["scenario", "services", "optimum", "headroom", ...POLICIES.map((policy) => TITLES[policy])];
  const lines = results.map((result) => [
    result.name,
    String(result.services.length),
    `${overall(result, ({ boundMs }) => boundMs).toFixed(1)} ms`,
    headroomPrice(result).toFixed(4),
    ...POLICIES.map((policy) => cellOf(result, policy)),
  ]);
  return aligned([headings, ...lines]);
}

/** How the ratios of a scenario's services are spread; only of scenarios of many services. */
export function spreadTable(results: readonly ScenarioResult[]): string {
  const headings = ["p50 / p90 / p99 / max, services that shed", ...POLICIES.map((policy) => TITLES[policy])];
  const lines = results
    .filter(({ services }) => services.length > 1)
    .map((result) => [result.name, ...POLICIES.map((policy) => spreadOf(result, policy))]);
  return lines.length === 0 ? "" : aligned([headings, ...lines]);
}

/** What the limit itself costs: the optimum under it in terms of the optimum without. */
export function headroomPrice(result: ScenarioResult): number {
  return overall(result, ({ boundMs }) => boundMs) / overall(result, ({ unlimitedMs }) => unlimitedMs);
}

/** A policy's objective in terms of the certified optimum's, over all services of a scenario. */
export function ratioOf(result: ScenarioResult, policy: Policy): number {
  return (
    overall(result, (service) => judgedOf(service, policy).objectiveMs) / overall(result, ({ boundMs }) => boundMs)
  );
}

function judgedOf(service: ServiceResult, policy: Policy): Judged {
  return policy === "weir" ? service.weir : service.baselines[policy];
}

function cellOf(result: ScenarioResult, policy: Policy): string {
  const served = overall(result, (service) => judgedOf(service, policy).successShare);
  const ratio = ratioOf(result, policy).toFixed(policy === "weir" ? 5 : 3);
  return served < ALL_SERVED ? `${ratio} (${(100 * served).toFixed(1)} %)` : ratio;
}

function spreadOf({ services }: ScenarioResult, policy: Policy): string {
  const ratios = services.map((service) => judgedOf(service, policy).objectiveMs / service.boundMs);
  const shedding = services.filter((service) => judgedOf(service, policy).successShare < ALL_SERVED).length;
  const spread = [50, 90, 99, 100].map((percent) => percentile(ratios, percent).toFixed(policy === "weir" ? 4 : 2));
  return `${spread.join(" / ")}, ${shedding}`;
}

/** Lines of cells under each other: the first column to the left, the others to the right. */
export function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    )
    .join("\n");
}
