import type { SizeResult } from "./size-process.ts";

/** Where things lie, in pixels. */
const WIDTH = 860;
const HEIGHT = 400;
const LEFT = 70;
const RIGHT = 190;
const TOP = 56;
const BOTTOM = 48;

/** A colour that is legible on white and on black, and a shape, for those who do not tell the colours apart. */
interface Series {
  readonly title: string;
  readonly colour: string;
  readonly shape: string;
  readonly points: readonly Point[];
}

/** Route sets that had to be planned, and how long that took. */
interface Point {
  readonly routeSets: number;
  readonly ms: number;
}

/** Decades that the axes span. */
interface Axes {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/**
 * Time against route sets that had to be planned, both axes logarithmic: work that follows what changed lies on a line as steep
 * as the dashed ones.
 */
export function growthPicture(results: readonly SizeResult[]): string {
  const series = seriesOf(results);
  const points = series.flatMap((one) => one.points);
  const axes = { x: decadesOf(points.map(({ routeSets }) => routeSets)), y: decadesOf(points.map(({ ms }) => ms)) };
  const heading = "Time to plan, ms, against what had to be planned (services x clusters); dashed: in proportion";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${heading}" font-family="system-ui, sans-serif" font-size="12">`,
    "<style>text{fill:#57606a}.grid{stroke:#8b949e;stroke-opacity:.35}.line{stroke:#8b949e;stroke-dasharray:5 4;fill:none}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>",
    `<text x="12" y="22" font-size="14" font-weight="600">${heading}</text>`,
    `<text x="12" y="40">${results.map(memoryText).join(" · ")}</text>`,
    ...gridOf(axes),
    ...series.flatMap((one, index) => drawn(one, index, axes)),
    "</svg>",
    "",
  ].join("\n");
}

function memoryText({ clusters, services, heapMiB }: SizeResult): string {
  return `${clusters} x ${services}: ${heapMiB.toFixed(0)} MiB`;
}

function seriesOf(results: readonly SizeResult[]): readonly Series[] {
  const points = (of: (result: SizeResult) => Point) => results.map(of);
  return [
    {
      title: "whole plan",
      colour: "#1f9d55",
      shape: "M-6 0L0 -6L6 0L0 6Z",
      points: points(({ clusters, services, live }) => ({ routeSets: clusters * services, ms: live.fullMs })),
    },
    {
      title: "after a cluster's death",
      colour: "#d9534f",
      shape: "M-5 -5H5V5H-5Z",
      points: points(({ clusters, live }) => ({ routeSets: clusters * live.concerned, ms: live.deathMs })),
    },
    {
      title: "search alone",
      colour: "#3b82f6",
      shape: "M0 -6L6 5H-6Z",
      points: points(({ clusters, services, search }) => ({ routeSets: clusters * services, ms: search.fullMs })),
    },
    {
      title: "search after a death",
      colour: "#b8860b",
      shape: "M0 6L6 -5H-6Z",
      points: points(({ clusters, search }) => ({ routeSets: clusters * search.concerned, ms: search.deathMs })),
    },
  ];
}

function decadesOf(values: readonly number[]): readonly [number, number] {
  return [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
}

function gridOf({ x, y }: Axes): readonly string[] {
  const axes = { x, y };
  const decades = ([from, to]: readonly [number, number]) =>
    Array.from({ length: to - from + 1 }, (_, at) => from + at);
  return [
    ...decades(x).map((decade) => {
      const at = xOf(10 ** decade, axes);
      return `<path class="grid" d="M${at} ${TOP}V${HEIGHT - BOTTOM}"/><text x="${at}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tickText(decade)}</text>`;
    }),
    ...decades(y).map((decade) => {
      const at = yOf(10 ** decade, axes);
      return `<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/><text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${tickText(decade)}</text>`;
    }),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">services concerned x clusters</text>`,
  ];
}

function tickText(decade: number): string {
  return decade < 0 ? String(10 ** decade) : (10 ** decade).toLocaleString("en");
}

/** Marks, a line in proportion to the first of them, and the name beside the last. */
function drawn({ title, colour, shape, points }: Series, index: number, axes: Axes): readonly string[] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return [];
  const end = { routeSets: last.routeSets, ms: (first.ms * last.routeSets) / first.routeSets };
  const line = `<path class="line" d="M${xOf(first.routeSets, axes)} ${yOf(first.ms, axes)}L${xOf(end.routeSets, axes)} ${yOf(end.ms, axes)}"/>`;
  const marks = points.map(
    ({ routeSets, ms }) =>
      `<path transform="translate(${xOf(routeSets, axes)} ${yOf(ms, axes)})" d="${shape}" fill="${colour}"><title>${routeSets.toFixed(0)}: ${ms.toPrecision(3)} ms</title></path>`,
  );
  const y = TOP + 14 + index * 22;
  const legend = `<path transform="translate(${WIDTH - RIGHT + 20} ${y - 4})" d="${shape}" fill="${colour}"/><text x="${WIDTH - RIGHT + 34}" y="${y}">${title}</text>`;
  return [line, ...marks, legend];
}

function xOf(routeSets: number, { x: [from, to] }: Axes): number {
  return tenths(LEFT + ((Math.log10(routeSets) - from) / (to - from)) * (WIDTH - LEFT - RIGHT));
}

function yOf(ms: number, { y: [from, to] }: Axes): number {
  return tenths(HEIGHT - BOTTOM - ((Math.log10(ms) - from) / (to - from)) * (HEIGHT - TOP - BOTTOM));
}

function tenths(value: number): number {
  return Math.round(10 * value) / 10;
}
