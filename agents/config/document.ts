import { resolve } from "node:path";
import { WEIGHT_TOTAL } from "../../src/model/destination.ts";
import { ok, refuse } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import { DEFAULT_FALLBACK_POLICY } from "../core/fallback.ts";
import type { FallbackPolicy } from "../core/fallback.ts";
import { DEFAULT_LIMITS } from "../core/recheck.ts";
import type { Limits } from "../core/recheck.ts";
import { DEFAULT_REPORT_POLICY } from "../core/report.ts";
import type { ReportPolicy } from "../core/report.ts";
import { Keys } from "./keys.ts";
import { LOG_LEVELS } from "./settings.ts";
import type { Config, MeshConfig } from "./settings.ts";

/** Where a document comes from, and what flags and environment say instead of it. */
export interface Origin {
  /** Relative paths in the file start here. */
  readonly folder: string;
  /** For messages. */
  readonly name: string;
  readonly given: Readonly<Record<"data-dir" | "log-level", string | undefined>>;
}

/** Reads a whole document, defaults for what it leaves out; or everything that is wrong with it, one line each. */
export function readConfig(raw: unknown, { folder, name, given }: Origin): Result<Config, readonly string[]> {
  const keys = new Keys(raw, name);
  const path = (key: string, fallback: string): string => resolve(folder, keys.text(key, fallback) ?? fallback);
  const dataDir = given["data-dir"] === undefined ? path("dataDir", "/var/lib/weir-agent") : resolve(given["data-dir"]);
  keys.touch("dataDir");
  const mesh = readMesh(keys, folder);
  const gateway = keys.address("gateway");
  if (mesh.kind === "envoy" && gateway === undefined)
    keys.wrong("gateway", "is required with mesh.kind envoy: {address, port} at which other clusters reach this one");
  const endpointsFile = keys.text("endpointsFile");
  const config: Config = {
    dataDir,
    planners: keys.addresses("planners"),
    mesh,
    ...(gateway === undefined ? {} : { gateway }),
    ...(endpointsFile === undefined ? {} : { endpointsFile: resolve(folder, endpointsFile) }),
    socket: resolve(dataDir, keys.text("socket", "agent.sock") ?? "agent.sock"),
    logLevel: keys.choice("logLevel", LOG_LEVELS, { fallback: "info", given: given["log-level"] }),
    heartbeatMs: keys.number("heartbeatMs", { fallback: 1_000, min: 50, max: 10_000 }),
    bakeMs: keys.number("bakeMs", { fallback: 600_000, min: 0, max: 86_400_000 }),
    applyTimeoutMs: keys.number("applyTimeoutMs", { fallback: 30_000, min: 100, max: 600_000 }),
    fallback: readFallback(keys),
    limits: readLimits(keys),
    report: readReport(keys),
  };
  const problems = keys.problems();
  return problems.length === 0 ? ok(config) : refuse(problems);
}

function readMesh(keys: Keys, folder: string): MeshConfig {
  const kind = keys.choice("mesh.kind", ["envoy", "memory"], { fallback: "envoy" });
  if (kind === "memory") return { kind };
  const socket = keys.text("mesh.xds.socket");
  const address = keys.text("mesh.address", "127.0.0.1") ?? "127.0.0.1";
  const envoys = keys.number("mesh.envoys", { fallback: 1, min: 0, max: 10_000 });
  if (socket !== undefined) return { kind, address, envoys, xds: { socket: resolve(folder, socket) } };
  const port = keys.number("mesh.xds.port", { fallback: 18_000, min: 1, max: 65_535 });
  return { kind, address, envoys, xds: { address: keys.text("mesh.xds.address", "127.0.0.1") ?? "127.0.0.1", port } };
}

function readFallback(keys: Keys): FallbackPolicy {
  const { connectFailuresMin, noReadyEndpointMs, returnGraceMs } = DEFAULT_FALLBACK_POLICY;
  const ms = (name: string, fallback: number) => keys.number(`fallback.${name}`, { fallback, min: 0, max: 600_000 });
  return {
    connectFailuresMin: keys.number("fallback.connectFailuresMin", {
      fallback: connectFailuresMin,
      min: 1,
      max: 1_000,
    }),
    noReadyEndpointMs: ms("noReadyEndpointMs", noReadyEndpointMs),
    returnGraceMs: ms("returnGraceMs", returnGraceMs),
  };
}

function readLimits(keys: Keys): Limits {
  const { shrinkRatioMax, shrinkAlwaysAllowed, moveWeightMax, destinationsMin } = DEFAULT_LIMITS;
  const number = (name: string, fallback: number, max: number) =>
    keys.number(`limits.${name}`, { fallback, min: 0, max });
  return {
    shrinkRatioMax: number("shrinkRatioMax", shrinkRatioMax, 1),
    shrinkAlwaysAllowed: number("shrinkAlwaysAllowed", shrinkAlwaysAllowed, 100_000),
    moveWeightMax: number("moveWeightMax", moveWeightMax, WEIGHT_TOTAL),
    destinationsMin: number("destinationsMin", destinationsMin, 100),
  };
}

function readReport(keys: Keys): ReportPolicy {
  const { turnMs, requestsEnough, utilisationEnoughMs, attentionMs, servicesFew } = DEFAULT_REPORT_POLICY;
  const number = (name: string, fallback: number, max: number) =>
    keys.number(`report.${name}`, { fallback, min: 1, max });
  return {
    turnMs: number("turnMs", turnMs, 15_000),
    requestsEnough: number("requestsEnough", requestsEnough, 1_000_000),
    utilisationEnoughMs: number("utilisationEnoughMs", utilisationEnoughMs, 600_000),
    attentionMs: number("attentionMs", attentionMs, 3_600_000),
    servicesFew: number("servicesFew", servicesFew, 1_000),
  };
}
