import { posix } from "node:path";
import { COMPUTED, importsOf } from "./imports.ts";
import type { Import } from "./imports.ts";
import type { Complaint, Rule, Source } from "./source.ts";
import { zoneOf } from "./zones.ts";
import type { Zone } from "./zones.ts";

/** What the files of one zone may import besides each other. */
interface Allowance {
  readonly zones: readonly Zone[];
  /** Zones whose types may be named, but whose code may not be run. */
  readonly typesOf?: readonly Zone[];
  /** Third-party packages by specifier, or "any". A list of names means that only these values may be taken. */
  readonly packages: "any" | Readonly<Record<string, "all" | readonly string[]>>;
  /** Node's own modules, in the same way. */
  readonly builtins: "any" | Readonly<Record<string, "all" | readonly string[]>>;
}

/** A broken promise of the code itself may stop any code, pure or not: `assert` does nothing else. */
const ASSERT = { "node:assert": "all", "node:assert/strict": "all" } as const;

/** protobuf-es' pure side: making messages, and Google's well-known types (`anyPack`, `timestampFromMs`, …). */
const MAKE_MESSAGES = {
  "@bufbuild/protobuf": ["create"],
  "@bufbuild/protobuf/wkt": "all",
} as const;

const EVERY_PLANNER_ZONE: readonly Zone[] = [
  "model",
  "planner",
  "engine",
  "wire",
  "io",
  "simulator",
  "cli",
  "console",
  "src-config",
  "gen",
];
const EVERY_AGENT_ZONE: readonly Zone[] = [
  "model",
  "wire",
  "gen",
  "agents-core",
  "render",
  "mesh",
  "health",
  "agents-io",
  "agents-config",
];

/**
 * Arrows point at `model`. Only `main.ts` and the CLI know `io`; agents and planner share `model` and `wire` alone. The
 * one arrow from the planner's side to the agents' is the simulator's, which rehearses with the agents' real core.
 */
const TABLE: Readonly<Record<Exclude<Zone, "gen" | "deploy" | "test">, Allowance>> = {
  model: { zones: [], packages: {}, builtins: ASSERT },
  planner: { zones: ["model"], packages: {}, builtins: ASSERT },
  wire: {
    zones: ["model", "gen"],
    packages: { "@bufbuild/protobuf": "all", "@bufbuild/protobuf/wkt": "all" },
    // Content addresses are hashes: the one thing of node:crypto that depends on nothing but its input.
    builtins: { ...ASSERT, "node:crypto": ["createHash", "hash"] },
  },
  engine: { zones: ["model", "planner", "wire"], packages: {}, builtins: ASSERT },
  io: { zones: ["model", "planner", "engine", "wire", "src-config", "gen"], packages: "any", builtins: "any" },
  simulator: { zones: ["model", "planner", "engine", "wire", "agents-core"], packages: {}, builtins: ASSERT },
  cli: { zones: EVERY_PLANNER_ZONE, packages: "any", builtins: "any" },
  console: { zones: ["model", "wire", "gen"], packages: "any", builtins: "any" },
  "src-main": { zones: EVERY_PLANNER_ZONE, packages: "any", builtins: "any" },
  "src-config": { zones: ["model"], packages: "any", builtins: "any" },
  "agents-core": { zones: ["model"], packages: {}, builtins: ASSERT },
  render: { zones: ["model", "gen"], typesOf: ["mesh", "agents-core"], packages: MAKE_MESSAGES, builtins: ASSERT },
  mesh: { zones: ["model", "wire", "gen", "agents-core", "render"], packages: "any", builtins: "any" },
  health: { zones: ["model", "wire", "gen", "agents-core"], packages: "any", builtins: "any" },
  "agents-io": {
    zones: ["model", "wire", "gen", "agents-core", "mesh", "health", "agents-config"],
    packages: "any",
    builtins: "any",
  },
  "agents-main": { zones: EVERY_AGENT_ZONE, packages: "any", builtins: "any" },
  "agents-config": { zones: ["model", "agents-core"], packages: "any", builtins: "any" },
};

/** Which folder may know which: the direction of every dependency, and what comes from outside. */
export const importTable: Rule = { name: "import-table", judge: judgeImports };

function judgeImports(source: Source): readonly Complaint[] {
  const zone = zoneOf(source.path);
  const complainAt = (line: number, message: string) => ({ path: source.path, line, rule: importTable.name, message });
  if (zone === undefined) return [complainAt(1, "lies in no folder that the layout knows")];
  return importsOf(source).flatMap((found) => {
    const message = relativeWithoutExtension(found) ?? refusal(zone, source.path, found);
    return message === undefined ? [] : [complainAt(found.line, message)];
  });
}

function relativeWithoutExtension({ specifier }: Import): string | undefined {
  const complete = !specifier.startsWith(".") || /\.(ts|tsx|json|css)$/.test(specifier);
  return complete ? undefined : `${specifier}: a relative import names the file, with its extension`;
}

/** Why `zone` may not have this import; undefined if it may. Tests, deployment and generated code may have anything. */
function refusal(zone: Zone, path: string, found: Import): string | undefined {
  if (zone === "test" || zone === "deploy" || zone === "gen") return undefined;
  const allowance = TABLE[zone];
  if (found.specifier === COMPUTED) return `${zone} computes what it imports`;
  if (found.specifier.startsWith(".")) return zoneRefusal(zone, allowance, target(path, found), found);
  if (found.specifier.startsWith("node:")) return outsideRefusal(zone, allowance.builtins, found);
  return outsideRefusal(zone, allowance.packages, found);
}

function target(path: string, { specifier }: Import): string {
  return posix.join(posix.dirname(path), specifier);
}

function zoneRefusal(zone: Zone, allowance: Allowance, path: string, found: Import): string | undefined {
  const other = zoneOf(path);
  if (other === undefined)
    return path === "package.json" ? undefined : `${path} lies in no folder that may be imported`;
  if (other === zone || allowance.zones.includes(other)) return undefined;
  if (allowance.typesOf?.includes(other) === true) {
    return found.values.length === 0 ? undefined : `${zone} may only name types of ${other} (${path})`;
  }
  return `${zone} may not import ${other} (${path})`;
}

function outsideRefusal(zone: Zone, allowed: Allowance["packages"], found: Import): string | undefined {
  if (allowed === "any") return undefined;
  const names = Object.hasOwn(allowed, found.specifier) ? allowed[found.specifier] : undefined;
  if (names === undefined) return `${zone} may not import ${found.specifier}`;
  if (names === "all") return undefined;
  const refused = found.values.filter((name) => !names.includes(name));
  return refused.length === 0 ? undefined : `${zone} may not take ${refused.join(", ")} from ${found.specifier}`;
}
