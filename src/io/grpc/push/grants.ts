import type { Logger } from "pino";
import type { ClusterId } from "../../../model/ids.ts";
import { faultFields } from "../../log.ts";
import type { BusAccess } from "./bus-access.ts";
import type { Session } from "./session.ts";

/** Whom to hand credentials to, and whence. */
export interface GrantOptions {
  readonly cluster: ClusterId;
  readonly session: Session;
  readonly bus: BusAccess;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** New credentials come when this share of the old ones' life is left. */
const RENEW_WITH_LEFT = 1 / 3;

/** How long after a failed attempt the next one comes. */
const RETRY_MS = 5_000;

/** Hands an agent its credentials for the report bus now, and new ones ahead of their end. Returns how to stop. */
export function handOutGrants({ cluster, session, bus, log, nowMs }: GrantOptions): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function grant(): Promise<void> {
    const nextMs = await attempt();
    if (!isStopped) timer = setTimeout(() => void grant(), nextMs).unref();
  }

  async function attempt(): Promise<number> {
    try {
      const { credentials, expiresAtMs } = await bus.mint(cluster);
      const value = { credentials, expiresAtUnixMs: BigInt(Math.trunc(expiresAtMs)), urls: [...bus.urls] };
      if (!isStopped) session.write({ message: { case: "credentials", value } });
      return Math.max(RETRY_MS, (expiresAtMs - nowMs()) * (1 - RENEW_WITH_LEFT));
    } catch (error) {
      log.error({ cluster, ...faultFields(error) }, "cannot make credentials for the report bus");
      return RETRY_MS;
    }
  }

  void grant();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
