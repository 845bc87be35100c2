import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolvePart } from "../../../../../deploy/parts/resolve-part.ts";

/** A real process that a test can kill or freeze. */
export interface Running {
  readonly process: ChildProcess;
  kill(signal: NodeJS.Signals): void;
  /** Ends it for good and waits until it is gone. */
  stop(): Promise<void>;
}

/** One endpoint of a workload. Several may live in one process, and die with it. */
export interface Place {
  readonly address: string;
  readonly port: number;
  readonly protocol: "http" | "grpc";
  /** What it calls itself in its answers. */
  readonly name: string;
}

/** Starts a workload and waits until it listens. */
export async function startBackends(places: readonly Place[]): Promise<Running> {
  const script = join(import.meta.dirname, "backend-process.ts");
  const child = spawn(process.execPath, [script, JSON.stringify(places)], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`the workload ended with ${code} before it listened`)));
  });
  return running(child, async () => undefined);
}

/** Starts a real Envoy with this bootstrap. Whether it is ready is for the mesh to say. */
export async function startEnvoy(bootstrap: string): Promise<Running> {
  const { path } = await resolvePart("envoy");
  const folder = await mkdtemp(join(tmpdir(), "weir-envoy-"));
  const file = join(folder, "bootstrap.json");
  await writeFile(file, bootstrap);
  const level = process.env["WEIR_TEST_ENVOY_LOG"] ?? "off";
  const settings = ["--concurrency", "1", "--disable-hot-restart", "--log-level", level, "--drain-time-s", "1"];
  const child = spawn(path, ["-c", file, ...settings], { stdio: ["ignore", "ignore", "inherit"] });
  return running(child, async () => await rm(folder, { recursive: true, force: true }));
}

function running(child: ChildProcess, clean: () => Promise<void>): Running {
  const gone = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  return {
    process: child,
    kill: (signal) => void child.kill(signal),
    stop: async () => {
      child.kill("SIGKILL");
      await gone;
      await clean();
    },
  };
}
