/** The parts of the repository that the import table speaks of. */
export type Zone =
  | "model"
  | "planner"
  | "engine"
  | "wire"
  | "io"
  | "simulator"
  | "cli"
  | "console"
  | "src-main"
  | "src-config"
  | "agents-core"
  | "render"
  | "mesh"
  | "health"
  | "agents-io"
  | "agents-main"
  | "agents-config"
  | "gen"
  | "deploy"
  | "test";

/** First match wins. A file that matches none is in no zone, which is a complaint of its own. */
const ZONES: readonly (readonly [RegExp, Zone])[] = [
  [/^src\/model\//, "model"],
  [/^src\/planner\//, "planner"],
  [/^src\/engine\//, "engine"],
  [/^src\/wire\//, "wire"],
  [/^src\/io\//, "io"],
  [/^src\/simulator\//, "simulator"],
  [/^src\/cli\//, "cli"],
  [/^src\/console\//, "console"],
  [/^src\/main\.ts$/, "src-main"],
  [/^src\/config(\.ts$|\/)/, "src-config"],
  [/^agents\/core\//, "agents-core"],
  // A renderer is a file or a folder: render.ts, render-routes.ts, render/routes.ts.
  [/^agents\/mesh\/(.+\/)?render[^/]*(\/.+)?$/, "render"],
  [/^agents\/mesh\//, "mesh"],
  [/^agents\/health\//, "health"],
  [/^agents\/io\//, "agents-io"],
  [/^agents\/main\.ts$/, "agents-main"],
  [/^agents\/config(\.ts$|\/)/, "agents-config"],
  [/^proto\/gen\//, "gen"],
  [/^deploy\//, "deploy"],
  [/^test\//, "test"],
];

/** The zone of a path relative to the repository's root. */
export function zoneOf(path: string): Zone | undefined {
  return ZONES.find(([pattern]) => pattern.test(path))?.[1];
}

const PURE_ZONES: ReadonlySet<Zone | undefined> = new Set(["model", "planner", "wire", "agents-core", "render"]);

/** Whether a file may hold only pure functions and values: same input, same output, nothing else happens. */
export function isPure(path: string): boolean {
  return PURE_ZONES.has(zoneOf(path));
}
