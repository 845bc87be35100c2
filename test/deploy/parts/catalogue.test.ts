import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../../../deploy/parts/catalogue.ts";
import type { PartName } from "../../../deploy/parts/part.ts";
import { parseVersion } from "../../../deploy/parts/version.ts";

function accepts(name: PartName, text: string): boolean {
  const version = parseVersion(text);
  return version !== undefined && CATALOGUE[name].accepts(version);
}

describe("the catalogue", () => {
  it.each(["2.12.12", "2.12.13", "2.13.0", "2.14.3", "2.15.0", "2.15.1", "3.0.0"])("accepts nats-server %s", (text) => {
    expect(accepts("nats-server", text)).toBe(true);
  });

  it.each(["2.9.10", "2.12.11", "2.14.0", "2.14.2", "1.99.99"])("refuses nats-server %s", (text) => {
    expect(accepts("nats-server", text)).toBe(false);
  });

  it("accepts Envoy from 1.37", () => {
    expect(["1.36.9", "1.37.0", "1.40.0", "2.0.0"].map((text) => accepts("envoy", text))).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it.each([
    ["nats-server", "nats-server: v2.15.1\n", "2.15.1"],
    ["nats-server", "nats-server: v2.12.0-RC.1\n", "2.12.0-RC.1"],
    [
      "envoy",
      "\nenvoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n\n",
      "1.40.0",
    ],
    ["envoy", "\nenvoy  version: 0/1.41.0-dev/Modified/RELEASE/BoringSSL\n", "1.41.0-dev"],
  ] as const)("reads the version of %s from what it prints", (name, output, version) => {
    expect(CATALOGUE[name].versionIn.exec(output)?.[1]).toBe(version);
  });

  it("accepts the versions it pins, from sources that name them", () => {
    for (const definition of Object.values(CATALOGUE)) {
      expect(accepts(definition.name, definition.version)).toBe(true);
      for (const source of definition.sources) {
        expect(source.kind === "wheel" ? source.requirement : source.target).toContain(definition.version);
      }
    }
  });
});
