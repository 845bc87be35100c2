import type {
  ClusterPreview,
  PreviewCost,
  PreviewPin,
  PreviewSummary,
  ServiceMeasures,
  ServicePreview,
} from "../../../proto/gen/weir/v1/preview_pb.ts";
import type { SourceSplit } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type { SurvivalSummary } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { rate } from "../notation.ts";
import { reasonTable } from "../shift/preview.ts";
import { survivalLines } from "../survival.ts";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import type { Paint } from "../terminal.ts";
import { splitWords } from "../view.ts";

/** A preview as it came. */
export interface Previewed {
  readonly summary: PreviewSummary;
  readonly services: readonly ServicePreview[];
}

/** What a person on call wants to know first, then service by service. */
export function previewLines({ summary, services }: Previewed, paint: Paint): readonly string[] {
  return [
    headline(summary, paint),
    "",
    ...costTable(summary),
    "",
    ...clusterTable(summary.clusters, paint),
    "",
    ...worstLine(summary, paint),
    survivalLine(summary.survivalBefore, summary.survivalAfter),
    ...summary.remarks.map((remark) => paint("warn", `note: ${harmless(remark)}`)),
    ...services.flatMap((service) => ["", ...serviceLines(service, paint)]),
    ...pinLines(summary.pins),
  ];
}

function headline({ services, movingServices, movedRps, stepsMax, after }: PreviewSummary, paint: Paint): string {
  const moved =
    movingServices === 0
      ? `nothing moves of ${servicesText(services)}`
      : `${movingServices} of ${servicesText(services)} move ${rate(movedRps)}/s, in at most ${stepsMax} ${stepsMax === 1 ? "step" : "steps"}`;
  const short = (after?.overLimitRps ?? 0) + (after?.lostRps ?? 0);
  const room = short > 0 ? paint("bad", `${rate(short)}/s find no room`) : paint("good", "all find room");
  return `${moved}; ${room}`;
}

function servicesText(count: number): string {
  return count === 1 ? "1 service" : `${count} services`;
}

function costTable({ before, atOnce, after }: PreviewSummary): readonly string[] {
  const moments = [before, atOnce, after];
  const row = (title: string, of: (cost: PreviewCost) => string): readonly string[] => [
    title,
    ...moments.map((cost) => (cost === undefined ? "" : of(cost))),
  ];
  const columns = [
    { title: "" },
    { title: "NOW", align: "right" },
    { title: "AT ONCE", align: "right" },
    { title: "PLANNED", align: "right" },
  ] as const;
  return table(columns, [
    row("demand", ({ demandRps }) => `${rate(demandRps)}/s`),
    row("latency", ({ latencyMs }) => `${digits(latencyMs)}ms`),
    row("latency and price", ({ spentMsRps }) => `${digits(spentMsRps)}ms*rps`),
    row("egress", ({ dollarsPerHour }) => `$${digits(dollarsPerHour)}/h`),
    row("beyond limits", ({ overLimitRps }) => `${rate(overLimitRps)}/s`),
    row("beyond capacity", ({ overCapacityRps }) => `${rate(overCapacityRps)}/s`),
    row("to nobody", ({ lostRps }) => `${rate(lostRps)}/s`),
    row("services short", ({ overloadedServices }) => String(overloadedServices)),
  ]);
}

function digits(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function clusterTable(clusters: readonly ClusterPreview[], paint: Paint): readonly string[] {
  const columns = [
    { title: "CLUSTER" },
    { title: "NOW", align: "right" },
    { title: "PLANNED", align: "right" },
    { title: "CAPACITY", align: "right" },
    { title: "FREE", align: "right" },
    { title: "BEYOND LIMITS", align: "right" },
  ] as const;
  const rows = clusters.map(({ cluster, beforeRps, afterRps, capacityRps, overLimitRps }) => [
    harmless(cluster),
    `${rate(beforeRps)}/s`,
    `${rate(afterRps)}/s`,
    capacityRps > 0 ? `${rate(capacityRps)}/s` : "unknown",
    capacityRps > 0 ? share(1 - afterRps / capacityRps) : "",
    overLimitRps > 0 ? paint("bad", `${rate(overLimitRps)}/s`) : "",
  ]);
  return table(columns, rows);
}

function share(part: number): string {
  return `${Number((part * 100).toFixed(1))}%`;
}

function worstLine({ worst }: PreviewSummary, paint: Paint): readonly string[] {
  if (worst === undefined) return [];
  const { service, destination, loadRps, capacityRps } = worst;
  const full =
    capacityRps > 0 ? `${share(loadRps / capacityRps)} of ${rate(capacityRps)}/s` : `${rate(loadRps)}/s of 0/s`;
  const line = `fullest: ${harmless(service)} at ${place(destination)}, ${full}`;
  return [loadRps > capacityRps ? paint("bad", line) : line];
}

function place(destination: { readonly cluster: string; readonly version: string } | undefined): string {
  return harmless(`${destination?.cluster ?? ""}/${destination?.version ?? ""}`);
}

function survivalLine(before: SurvivalSummary | undefined, after: SurvivalSummary | undefined): string {
  const [now, then] = [before?.survivingServices ?? 0, after?.survivingServices ?? 0];
  const against = after?.servicesAgainstPolicy ?? 0;
  const policy = against > 0 ? `; ${against} against their policy` : "";
  return `then ${then} of ${servicesText(after?.services ?? 0)} outlive the loss of any one more cluster, ${now} do now${policy}`;
}

function serviceLines(found: ServicePreview, paint: Paint): readonly string[] {
  const { service, steps, beforeSplits, movedRps, after, isComplete, reasons } = found;
  const short = (after?.cost?.overLimitRps ?? 0) + (after?.cost?.lostRps ?? 0);
  const missing = short > 0 ? paint("bad", `; ${rate(short)}/s find no room`) : "";
  const held = isComplete ? "" : paint("warn", "; held up before the end");
  const rows = [
    ["now", splitsText(beforeSplits)],
    ...steps.map(({ urgency, changes }, index) => [`step ${index + 1}, ${urgency}`, splitsText(changes)]),
  ];
  return [
    paint("bold", harmless(service)) + `: ${rate(movedRps)}/s move${missing}${held}`,
    ...indented(table([{ title: "" }, { title: "" }], rows).slice(1)),
    ...indented(loadTable(found, paint)),
    ...indented(headroomLines(found)),
    ...indented(reasons.length === 0 ? [] : reasonTable(reasons)),
  ];
}

/** Sources that a line names at most. */
const SOURCES_SHOWN = 8;

function splitsText(splits: readonly SourceSplit[]): string {
  const shown = splits
    .slice(0, SOURCES_SHOWN)
    .map(({ cluster, weights }) => `${harmless(cluster)}: ${splitWords(weights)}`);
  const others = splits.length - SOURCES_SHOWN;
  return [...shown, ...(others > 0 ? [`${others} more`] : [])].join("; ");
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function loadTable({ before, atOnce, steps, after }: ServicePreview, paint: Paint): readonly string[] {
  const moments = [before, atOnce, ...steps.map(({ measures }) => measures)];
  const titles = ["NOW", "AT ONCE", ...steps.map((_, index) => `STEP ${index + 1}`)];
  const shown = moments.length > STEPS_SHOWN ? [...moments.slice(0, STEPS_SHOWN - 1), moments.at(-1)] : moments;
  const named = titles.length > STEPS_SHOWN ? [...titles.slice(0, STEPS_SHOWN - 1), titles.at(-1) ?? ""] : titles;
  const places = new Map(
    moments.flatMap((moment) => moment?.loads ?? []).map((load) => [place(load.destination), load]),
  );
  const rows = [...places]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { capacityRps }]) => [
      key,
      ...shown.map((moment) => loadText(moment, key, paint)),
      capacityRps === undefined ? "unknown" : `${rate(capacityOf(after, key) ?? capacityRps)}/s`,
    ]);
  const columns = [
    { title: "DESTINATION" },
    ...named.map((title) => ({ title, align: "right" as const })),
    { title: "CAPACITY", align: "right" as const },
  ];
  return rows.length === 0 ? [] : table(columns, rows);
}

/** More columns do not fit on a screen: the first steps and the last. */
const STEPS_SHOWN = 7;

function loadText(moment: ServiceMeasures | undefined, key: string, paint: Paint): string {
  const load = moment?.loads.find(({ destination }) => place(destination) === key);
  if (load === undefined) return "0/s";
  return load.overLimitRps > 0 ? paint("bad", `${rate(load.loadRps)}/s!`) : `${rate(load.loadRps)}/s`;
}

function capacityOf(moment: ServiceMeasures | undefined, key: string): number | undefined {
  return moment?.loads.find(({ destination }) => place(destination) === key)?.capacityRps;
}

function headroomLines({
  before,
  after,
  freeBefore,
  freeAfter,
  service,
  survivalAfter,
}: ServicePreview): readonly string[] {
  const least = (found: ServiceMeasures | undefined): string =>
    found?.leastFreeShare === undefined ? "unknown" : `${share(found.leastFreeShare)} at ${place(found.tightest)}`;
  const without = (free: ServicePreview["freeAfter"]): string => {
    if (free === undefined) return "unknown";
    const left = Number.isFinite(free.freeShare) ? share(free.freeShare) : "nothing at all";
    return `${left} without ${harmless(free.cluster)}`;
  };
  const plain: Paint = (_, text) => text;
  const survivals = survivalAfter === undefined ? [] : [survivalAfter];
  const losses = survivalLines({ survivals, survivalSummary: ALL_SHORT }, plain);
  return [
    `least free: ${least(before)} now, ${least(after)} then; of all, with any one cluster lost: ${without(freeBefore)} now, ${without(freeAfter)} then`,
    ...losses.map((line) => `then ${line.slice(line.startsWith(service) ? service.length + 2 : 0)}`),
  ];
}

/** The lines of single services are wanted, not their summary. */
const ALL_SHORT = {
  $typeName: "weir.v1.SurvivalSummary",
  services: 1,
  survivingServices: 0,
  servicesAgainstPolicy: 0,
  servicesWithUnknownCapacity: 0,
} as const;

function pinLines(pins: readonly PreviewPin[]): readonly string[] {
  if (pins.length === 0) return [];
  const lines = pins.map(({ act, digest }) =>
    act.case === "drain"
      ? `to drain just so: weir cluster drain ${harmless(act.value)} --pin ${harmless(digest)}`
      : `to shift just so: weir shift request ${harmless(act.value ?? "")} … --pin ${harmless(digest)}`,
  );
  return ["", ...lines];
}
