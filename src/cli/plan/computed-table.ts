import { keyOf } from "../../model/destination.ts";
import type {
  ClusterLoss,
  ComputedDestination,
  ComputedFleet,
  ComputedService,
  ComputedSource,
} from "../../planner/compute/computed.ts";
import { percent, percentOfOne, rate } from "../notation.ts";
import { grouped, table } from "../table.ts";
import type { Paint } from "../terminal.ts";

/** How much is shown, and how. */
interface View {
  readonly paint: Paint;
  readonly isExplained: boolean;
}

/** A computed fleet for people: what each service's requests do, what it costs, and what a lost cluster would do. */
export function fleetLines(fleet: ComputedFleet, view: View): readonly string[] {
  const { services } = fleet;
  if (services.length === 0) return ["the file declares no service"];
  const lines = services.flatMap((service, index) => [...(index === 0 ? [] : [""]), ...serviceLines(service, view)]);
  return services.length === 1 ? lines : [...lines, "", totalLine(fleet)];
}

function totalLine({
  services,
  demandRps,
  latencyMs,
  dollarsPerHour,
  unservedRps,
  overLimitRps,
}: ComputedFleet): string {
  const frail = services.filter(({ losses }) => losses.some(({ shortAtOnceRps }) => shortAtOnceRps > 0)).length;
  const parts = [
    `${services.length} services, ${rate(demandRps)} rps: ${milliseconds(latencyMs)} on average, ${hourly(dollarsPerHour)}`,
    ...(unservedRps > 0 ? [`${rate(unservedRps)} rps unserved`] : []),
    ...(overLimitRps > 0 ? [`${rate(overLimitRps)} rps above limits`] : []),
    ...(frail === 0 ? [] : [`${frail} of them would lack room without some cluster`]),
  ];
  return parts.join(", ");
}

function serviceLines(service: ComputedService, { paint, isExplained }: View): readonly string[] {
  const { latencyMs, dollarsPerHour, remarks } = service;
  const facts = `${milliseconds(latencyMs)} on average, ${hourly(dollarsPerHour)}; ${foundWords(service)}`;
  const blocks = [
    weightTable(service.sources),
    destinationTable(service.destinations),
    ...(isExplained ? [explanationTable(service.sources)] : []),
    lossLines(service, paint),
  ].filter((block) => block.length > 0);
  return [
    `${paint("bold", service.service)}: ${facts}`,
    ...remarks.map((remark) => paint("warn", `  ! ${remark}`)),
    ...blocks.flatMap((block, index) => [...(index === 0 ? [] : [""]), ...block.map((line) => `  ${line}`)]),
  ];
}

function foundWords({ rung, gap }: ComputedService): string {
  if (rung !== "optimum") return `by ${rung}, which beats what the search found`;
  return gap < 5e-5 ? "optimal" : `at most ${Number((gap * 100).toFixed(2))}% from the optimum`;
}

function weightTable(sources: readonly ComputedSource[]): readonly string[] {
  const rows = sources.flatMap(({ cluster, demandRps, weights }) => {
    const start = [cluster, rate(demandRps)];
    if (weights.length === 0) return [[...start, "nobody may serve it", "", "", "", ""]];
    return weights.map(({ destination, weight, rps, rttMs, latencyMs, dollarsPerHour }) => [
      ...start,
      keyOf(destination),
      percent(weight),
      rate(rps),
      `${milliseconds(latencyMs)} (${milliseconds(rttMs)} network)`,
      dollarsPerHour === 0 ? "" : hourly(dollarsPerHour),
    ]);
  });
  const columns = [
    { title: "SOURCE" },
    { title: "DEMAND", align: "right" },
    { title: "DESTINATION" },
    { title: "WEIGHT", align: "right" },
    { title: "RPS", align: "right" },
    { title: "LATENCY", align: "right" },
    { title: "PRICE", align: "right" },
  ] as const;
  return rows.length === 0 ? ["no requests"] : table(columns, grouped(rows, 2));
}

function destinationTable(destinations: readonly ComputedDestination[]): readonly string[] {
  const columns = [
    { title: "DESTINATION" },
    { title: "LOAD", align: "right" },
    { title: "CAPACITY", align: "right" },
    { title: "USED", align: "right" },
    { title: "TIME THERE", align: "right" },
    { title: "ONE MORE COSTS", align: "right" },
  ] as const;
  const rows = destinations.map(
    ({ destination, loadRps, capacityRps, utilisation, latencyMs, marginalMs, limitPriceMs }) => [
      keyOf(destination),
      rate(loadRps),
      capacityRps === Infinity ? "no end" : rate(capacityRps),
      capacityRps === Infinity ? "" : percentOfOne(utilisation),
      milliseconds(latencyMs),
      `${milliseconds(marginalMs)}${limitPriceMs >= 0.05 ? ` + ${milliseconds(limitPriceMs)} for its limit` : ""}`,
    ],
  );
  return table(columns, rows);
}

function explanationTable(sources: readonly ComputedSource[]): readonly string[] {
  const rows = sources.flatMap(({ cluster, weights, others }) => [
    ...weights.flatMap(({ destination, weight, reasons }) =>
      reasons.map(({ kind, text }) => [cluster, keyOf(destination), percent(weight), `${kind}: ${text}`]),
    ),
    ...others.map(({ destination, reason }) => [cluster, keyOf(destination), "0%", reason]),
  ]);
  const columns = [
    { title: "SOURCE" },
    { title: "DESTINATION" },
    { title: "WEIGHT", align: "right" },
    { title: "WHY" },
  ] as const;
  return rows.length === 0 ? [] : table(columns, grouped(rows, 3));
}

function lossLines({ losses }: ComputedService, paint: Paint): readonly string[] {
  const short = losses.filter(({ shortAtOnceRps }) => shortAtOnceRps > 0);
  if (losses.length === 0) return [];
  if (short.length === 0) return [paint("good", "survives the loss of any one cluster")];
  return short.map((loss) => paint(loss.isRequired ? "bad" : "warn", lossWords(loss)));
}

function lossWords({ cluster, shortRps, shortAtOnceRps }: ClusterLoss): string {
  if (shortRps === 0) return `without ${cluster}: ${rate(shortAtOnceRps)} rps find no room until it is planned anew`;
  return `without ${cluster}: ${rate(shortRps)} rps find no room`;
}

function milliseconds(ms: number): string {
  return `${Number(ms.toFixed(1))}ms`;
}

function hourly(dollars: number): string {
  return `$${dollars.toFixed(2)}/h`;
}
