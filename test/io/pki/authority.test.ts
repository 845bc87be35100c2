import { X509Certificate } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAuthority, loadAuthority, pinOf } from "../../../src/io/pki/authority.ts";
import { initDirectory } from "../../../src/io/pki/init.ts";
import { issue } from "../../../src/io/pki/issue.ts";
import { exportPublicKey, makeKeys } from "../../../src/io/pki/x509.ts";
import { loadSecrets } from "../../../src/io/secrets.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-pki-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

async function files(trustDomain = "weir") {
  const { authority, keyPem } = await createAuthority({ trustDomain, nowMs: Date.now() });
  const caCertificate = join(folder, "ca.crt");
  const caKey = join(folder, "ca.key");
  await writeFile(caCertificate, authority.certificatePem);
  await writeFile(caKey, keyPem, { mode: 0o600 });
  return { authority, caCertificate, caKey };
}

describe("the CA", () => {
  it("comes back from its files as it was made", async () => {
    const { authority, ...paths } = await files();
    const loaded = await loadAuthority(paths, "weir");
    expect(loaded).toMatchObject({ ok: true, value: { pin: authority.pin } });
  });

  it("signs leaves that OpenSSL's rules accept: chain, time, usage, one name", async () => {
    const { authority } = await files();
    const keys = await makeKeys();
    const nowMs = Date.now();
    const issued = await issue(authority, {
      identity: { kind: "planner", name: "planner-1" },
      publicKey: await exportPublicKey(keys.publicKey),
      hosts: ["planner.example", "127.0.0.1"],
      nowMs,
      ttlMs: 3_600_000,
    });
    const leaf = new X509Certificate(issued.chainPem);
    const ca = new X509Certificate(authority.certificatePem);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.subjectAltName).toBe("URI:spiffe://weir/planner/planner-1, DNS:planner.example, IP Address:127.0.0.1");
    expect(leaf.checkHost("planner.example")).toBe("planner.example");
    expect(leaf.serialNumber.toLowerCase()).toBe(issued.serial);
    expect(leaf.validToDate.getTime()).toBe(issued.expiresAtMs);
    expect(pinOf(ca)).toBe(authority.pin);
    expect(issued.chainPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it.each([0o644, 0o640, 0o660, 0o777, 0o604])(
    "refuses a key file of mode %o, and says how to mend it",
    async (mode) => {
      const { authority: _authority, ...paths } = await files();
      await chmod(paths.caKey, mode);
      const loaded = await loadAuthority(paths, "weir");
      expect(loaded).toMatchObject({
        ok: false,
        refusal: { field: "pki.caKey", message: expect.stringContaining(`chmod 600 ${paths.caKey}`) },
      });
    },
  );

  it("refuses files that do not belong together, are missing, or are something else", async () => {
    const { authority: _authority, ...paths } = await files();
    const other = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
    expect(await loadAuthority(paths, "elsewhere")).toMatchObject({ ok: false, refusal: { field: "trustDomain" } });
    await writeFile(paths.caCertificate, other.authority.certificatePem);
    expect(await loadAuthority(paths, "weir")).toMatchObject({ ok: false, refusal: { field: "pki.caKey" } });
    await writeFile(paths.caCertificate, "no certificate");
    expect(await loadAuthority(paths, "weir")).toMatchObject({ ok: false });
    await rm(paths.caCertificate);
    expect(await loadAuthority(paths, "weir")).toMatchObject({
      ok: false,
      refusal: { field: "pki.caCertificate", message: expect.stringContaining("weir init") },
    });
  });
});

describe("a new fleet's folder", () => {
  const options = {
    trustDomain: "weir",
    nats: { host: "127.0.0.1", port: 4_222 },
    operator: "admin",
    nowMs: Date.now(),
  };

  it("holds what a planner loads, with secrets for their owner alone", async () => {
    const paths = await initDirectory(join(folder, "fleet"), options);
    const secrets = await loadSecrets({
      trustDomain: "weir",
      pki: paths,
      nats: { credentials: paths.plannerCreds, fleetSigner: paths.fleetSigner },
    });
    expect(secrets.ok).toBe(true);
    for (const path of [paths.caKey, paths.plannerCreds, paths.fleetSigner, paths.operatorKey]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    const operator = new X509Certificate(await readFile(paths.operatorCertificate, "utf8"));
    expect(operator.subjectAltName).toBe("URI:spiffe://weir/operator/admin");
  });

  it("is never made over another one", async () => {
    const paths = await initDirectory(folder, options);
    const before = await readFile(paths.caKey, "utf8");
    await expect(initDirectory(folder, options)).rejects.toThrow(/exists already/);
    expect(await readFile(paths.caKey, "utf8")).toBe(before);
  });

  it("names every secret that is wrong at once", async () => {
    const paths = await initDirectory(folder, options);
    await chmod(paths.plannerCreds, 0o644);
    await writeFile(paths.fleetSigner, "{}");
    const secrets = await loadSecrets({
      trustDomain: "weir",
      pki: paths,
      nats: { credentials: paths.plannerCreds, fleetSigner: paths.fleetSigner },
    });
    expect(secrets.ok ? [] : secrets.refusal.map(({ field }) => field)).toEqual([
      "nats.credentials",
      "nats.fleetSigner",
    ]);
  });
});
