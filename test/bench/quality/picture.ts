import { BASELINES, TITLES } from "./compare.ts";
import type { Baseline, ScenarioResult } from "./compare.ts";
import { ratioOf } from "./ratio-table.ts";

/** Where things lie, in pixels. */
const ROW = 24;
const TOP = 84;
const LEFT = 170;
const WIDTH = 860;
const PLOT = WIDTH - LEFT - 40;

/** Ratios that the axis names; it is logarithmic. */
const TICKS = [1, 1.5, 2, 3, 5, 10, 20] as const;

/** A colour that is legible on white and on black, and a shape, for those who do not tell the colours apart. */
const MARKS: Readonly<Record<Baseline | "weir", { readonly colour: string; readonly shape: string }>> = {
  weir: { colour: "#1f9d55", shape: "M-6 0L0 -6L6 0L0 6Z" },
  locality: { colour: "#d9534f", shape: "M-5 -5H5V5H-5Z" },
  envoy: { colour: "#b8860b", shape: "M-8 0A8 8 0 1 0 8 0A8 8 0 1 0 -8 0" },
  waterfall: { colour: "#3b82f6", shape: "M0 -6L6 5H-6Z" },
  spray: { colour: "#8b7fd6", shape: "M-6 0H6M0 -6V6" },
  loadAware: { colour: "#d0679d", shape: "M0 6L6 -5H-6Z" },
};

/** Rivals first: what is drawn last lies on top. */
const ORDER = [...BASELINES, "weir"] as const;

/** Every scenario a row, every policy a mark at its objective in terms of the certified optimum's. */
export function pictureOf(results: readonly ScenarioResult[], utilisationMax: number): string {
  const height = TOP + results.length * ROW + 40;
  const heading = `Latency and price in terms of the certified optimum (utilisation at most ${utilisationMax}); 1 is the best possible`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${heading}" font-family="system-ui, sans-serif" font-size="12">`,
    "<style>text{fill:#57606a}.grid{stroke:#8b949e;stroke-opacity:.35}.best{stroke:#1f9d55;stroke-opacity:.8}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>",
    `<text x="12" y="22" font-size="14" font-weight="600">${heading}</text>`,
    ...ORDER.toReversed().map(legendOf),
    ...TICKS.map((tick) => tickOf(tick, height)),
    ...results.flatMap(rowOf),
    "</svg>",
    "",
  ].join("\n");
}

function legendOf(policy: Baseline | "weir", at: number): string {
  const x = 18 + (at % 3) * 220;
  const y = 44 + Math.floor(at / 3) * 18;
  return `${markOf(policy, x, y)}<text x="${x + 12}" y="${y + 4}">${TITLES[policy]}</text>`;
}

function tickOf(tick: number, height: number): string {
  const x = xOf(tick);
  const kind = tick === 1 ? "best" : "grid";
  return `<path class="${kind}" d="M${x} ${TOP - 4}V${height - 28}"/><text x="${x}" y="${height - 12}" text-anchor="middle">${tick}</text>`;
}

function rowOf(result: ScenarioResult, at: number): readonly string[] {
  const y = TOP + 12 + at * ROW;
  const name = `<text x="${LEFT - 14}" y="${y + 4}" text-anchor="end">${result.name}</text>`;
  const line = `<path class="grid" d="M${LEFT} ${y}H${LEFT + PLOT}"/>`;
  return [name, line, ...ORDER.map((policy) => markOf(policy, xOf(ratioOf(result, policy)), y))];
}

function markOf(policy: Baseline | "weir", x: number, y: number): string {
  const { colour, shape } = MARKS[policy];
  const isOpen = !shape.endsWith("Z");
  const paint = isOpen ? `fill="none" stroke="${colour}" stroke-width="2"` : `fill="${colour}"`;
  return `<path transform="translate(${x} ${y})" d="${shape}" ${paint}/>`;
}

function xOf(ratio: number): number {
  const share = Math.log(Math.max(1, ratio)) / Math.log(TICKS.at(-1) ?? 1);
  return Math.round(10 * (LEFT + Math.min(1.03, share) * PLOT)) / 10;
}
