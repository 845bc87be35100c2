import { webcrypto } from "node:crypto";
import { createAuthority } from "../../src/io/pki/authority.ts";
import type { Authority } from "../../src/io/pki/authority.ts";
import { issue } from "../../src/io/pki/issue.ts";
import { exportKeyPem, makeKeys } from "../../src/io/pki/x509.ts";

/** A certificate chain with its key, PEM. */
export interface KeyPair {
  readonly chainPem: string;
  readonly keyPem: string;
  /** Hex. */
  readonly serial: string;
}

/** The keys of a whole fleet. */
export interface FleetKeys {
  readonly caPem: string;
  /** For servers at the hosts given. */
  readonly planner: KeyPair;
  /** By cluster. All share one private key: making a thousand tells nothing about a push. */
  readonly agents: Readonly<Record<string, KeyPair>>;
}

const TTL_MS = 86_400_000;

/** Makes a CA, a planner's certificate for `hosts`, and one agent's certificate for each cluster. */
export async function makeFleetKeys(
  clusters: readonly string[],
  hosts: readonly string[],
  nowMs = Date.now(),
): Promise<FleetKeys & { readonly authority: Authority }> {
  const { authority } = await createAuthority({ trustDomain: "weir", nowMs });
  const sign = await signer(authority, nowMs);
  const planner = await sign({ kind: "planner", name: "planner-1" }, hosts);
  const agents: Record<string, KeyPair> = {};
  for (const name of clusters) {
    // Signing is CPU work.
    agents[name] = await sign({ kind: "cluster", name }, []);
  }
  return { authority, caPem: authority.bundlePem, planner, agents };
}

async function signer(authority: Authority, nowMs: number) {
  const keys = await makeKeys();
  const keyPem = await exportKeyPem(keys.privateKey);
  const publicKey = new Uint8Array(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  return async (identity: Parameters<typeof issue>[1]["identity"], hosts: readonly string[]): Promise<KeyPair> => {
    const { chainPem, serial } = await issue(authority, { identity, publicKey, hosts, nowMs, ttlMs: TTL_MS });
    return { chainPem, keyPem, serial };
  };
}
