import { createSecureContext } from "node:tls";
import type { SecureContextOptions } from "node:tls";
import { constants } from "node:crypto";
import type { Clock } from "../../engine/ports.ts";
import type { Authority } from "./authority.ts";
import { issue } from "./issue.ts";
import { exportKeyPem, exportPublicKey, makeKeys } from "./x509.ts";

/** The certificate that a replica's listeners show, made anew before it ends. */
export interface ServerIdentity {
  /** What TLS servers take. */
  context(): SecureContextOptions;
  /** Calls back with each new context. Returns how to stop. */
  onChange(listener: (context: SecureContextOptions) => void): () => void;
  close(): void;
}

/** What a replica's certificate says. */
export interface ServerIdentityOptions {
  readonly replica: string;
  /** Names and addresses under which clients dial it. */
  readonly hosts: readonly string[];
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Told when no new certificate could be made; the old one is shown on, and it is tried again. */
  readonly onFault: (error: unknown) => void;
}

/** How long after a failed attempt the next one comes. */
const RETRY_MS = 60_000;

/** Node's timers cannot wait longer than 2^31 - 1 ms. */
const TIMER_MAX_MS = 2_147_483_647;

/** Makes the first certificate, and a new one at half of each one's life. */
export async function createServerIdentity(
  authority: Authority,
  options: ServerIdentityOptions,
): Promise<ServerIdentity> {
  const listeners = new Set<(context: SecureContextOptions) => void>();
  let context = await makeContext(authority, options);
  let timer = setTimeout(() => void rotate(), 0);
  clearTimeout(timer);
  let isClosed = false;

  function schedule(afterMs: number): void {
    if (!isClosed) timer = setTimeout(() => void rotate(), Math.min(afterMs, TIMER_MAX_MS)).unref();
  }

  async function rotate(): Promise<void> {
    try {
      context = await makeContext(authority, options);
      for (const listener of listeners) listener(context);
      schedule(options.ttlMs / 2);
    } catch (error) {
      options.onFault(error);
      schedule(RETRY_MS);
    }
  }

  schedule(options.ttlMs / 2);
  return {
    context: () => context,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

async function makeContext(authority: Authority, options: ServerIdentityOptions): Promise<SecureContextOptions> {
  const { replica, hosts, ttlMs, clock } = options;
  const keys = await makeKeys();
  const publicKey = await exportPublicKey(keys.publicKey);
  const identity = { kind: "planner" as const, name: replica };
  const { chainPem } = await issue(authority, { identity, publicKey, hosts, ttlMs, nowMs: clock.nowMs() });
  const context = {
    key: await exportKeyPem(keys.privateKey),
    cert: chainPem,
    ca: authority.bundlePem,
    minVersion: "TLSv1.3" as const,
    // Without tickets nobody resumes a session past the end or the revocation of a certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  // Throws here, not in a listener, when something of it is unusable.
  createSecureContext(context);
  return context;
}
