import { X509Certificate } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SYSTEM_CLOCK } from "../../../src/io/clock.ts";
import { createAuthority } from "../../../src/io/pki/authority.ts";
import { createServerIdentity } from "../../../src/io/pki/server-identity.ts";
import type { ServerIdentity } from "../../../src/io/pki/server-identity.ts";

const open: ServerIdentity[] = [];
afterEach(() => open.splice(0).forEach((identity) => identity.close()));

describe("a replica's certificate", () => {
  it("is made anew at half its life", async () => {
    const { authority } = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
    const identity = await createServerIdentity(authority, {
      replica: "p1",
      hosts: ["localhost"],
      ttlMs: 400,
      clock: SYSTEM_CLOCK,
      onFault: (error) => expect.unreachable(String(error)),
    });
    open.push(identity);
    const serials = new Set([serialOf(identity.context().cert)]);
    identity.onChange(({ cert }) => serials.add(serialOf(cert)));
    await vi.waitFor(() => expect(serials.size).toBeGreaterThan(2), { timeout: 5_000 });
    expect(serials).toContain(serialOf(identity.context().cert));
  });
});

function serialOf(chain: unknown): string {
  return new X509Certificate(String(chain)).serialNumber;
}
