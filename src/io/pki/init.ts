import { access, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { foundBus } from "../nats/accounts.ts";
import { natsServerConfig } from "../nats/server-config.ts";
import { createAuthority } from "./authority.ts";
import type { Authority } from "./authority.ts";
import { issue } from "./issue.ts";
import { exportKeyPem, exportPublicKey, makeKeys } from "./x509.ts";

/** What a new fleet's folder is made for. */
export interface InitOptions {
  readonly trustDomain: string;
  /** Where the one NATS server of a small fleet listens; a larger one edits nats.conf. */
  readonly nats: { readonly host: string; readonly port: number };
  /** Name of the first operator: for when nothing else works. */
  readonly operator: string;
  readonly nowMs: number;
}

/** Everything a new folder holds, by absolute path. */
export interface InitPaths {
  readonly caCertificate: string;
  readonly caKey: string;
  readonly natsConfig: string;
  readonly natsStore: string;
  readonly plannerCreds: string;
  readonly fleetSigner: string;
  readonly operatorCertificate: string;
  readonly operatorKey: string;
  /** A planner's configuration that fits the folder. */
  readonly plannerConfig: string;
}

const DAY_MS = 86_400_000;

/** The longest that an operator's certificate may live. */
const OPERATOR_TTL_MS = 30 * DAY_MS;

/** Where `initDirectory` puts things. */
export function initPaths(folder: string): InitPaths {
  const at = (...parts: readonly string[]): string => resolve(join(folder, ...parts));
  return {
    caCertificate: at("pki", "ca.crt"),
    caKey: at("pki", "ca.key"),
    natsConfig: at("nats", "nats.conf"),
    natsStore: at("nats", "store"),
    plannerCreds: at("nats", "planner.creds"),
    fleetSigner: at("nats", "fleet-signer.json"),
    operatorCertificate: at("operators", "admin.crt"),
    operatorKey: at("operators", "admin.key"),
    plannerConfig: at("planner.yaml"),
  };
}

/**
 * Makes everything that a new fleet's planners and NATS server need: the CA, NATS in operator mode, and a first
 * operator's certificate. Secrets are for their owner alone. Throws when the folder holds any of it already: a second CA
 * over the first would lock out every agent.
 */
export async function initDirectory(folder: string, options: InitOptions): Promise<InitPaths> {
  const paths = initPaths(folder);
  await assertAbsent(Object.values(paths));
  for (const part of ["pki", "nats", "operators"]) await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
  const { authority, keyPem } = await createAuthority(options);
  await writePublic(paths.caCertificate, authority.certificatePem);
  await writeSecret(paths.caKey, keyPem);
  await writeBus(folder, paths, options);
  await writeOperator(authority, paths, options);
  const { host, port } = options.nats;
  const config = { trustDomain: options.trustDomain, nats: { urls: [`nats://${host}:${port}`] } };
  await writePublic(paths.plannerConfig, stringify(config));
  return paths;
}

async function writeBus(folder: string, paths: InitPaths, { nats }: InitOptions): Promise<void> {
  const foundation = await foundBus();
  const place = { serverName: "nats-1", ...nats, storeDir: paths.natsStore };
  await writePublic(paths.natsConfig, natsServerConfig(foundation, place));
  await writeSecret(paths.plannerCreds, foundation.plannerCreds);
  await writeSecret(paths.fleetSigner, `${JSON.stringify(foundation.fleetSigner)}\n`);
  await writeSecret(join(folder, "nats", "system.creds"), foundation.systemCreds);
  // Nothing that runs needs it. Take it elsewhere: with it new accounts can be made.
  await writeSecret(join(folder, "nats", "operator.seed"), `${foundation.operatorSeed}\n`);
}

async function writeOperator(authority: Authority, paths: InitPaths, { operator, nowMs }: InitOptions): Promise<void> {
  const keys = await makeKeys();
  const publicKey = await exportPublicKey(keys.publicKey);
  const identity = { kind: "operator" as const, name: operator };
  const { chainPem } = await issue(authority, { identity, publicKey, nowMs, ttlMs: OPERATOR_TTL_MS });
  await writePublic(paths.operatorCertificate, chainPem);
  await writeSecret(paths.operatorKey, await exportKeyPem(keys.privateKey));
}

async function assertAbsent(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) throw new Error(`${path} exists already; choose an empty folder, or use what is there`);
  }
}

async function writePublic(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: "wx", mode: 0o644 });
}

/** Made with its mode, so that nobody can read it at any moment. */
async function writeSecret(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: "wx", mode: 0o600 });
}
