import type { ClusterId } from "../../../model/ids.ts";

/** Credentials with which one agent may report, and nothing else. */
export interface BusGrant {
  /** NATS credentials file. */
  readonly credentials: string;
  readonly expiresAtMs: number;
}

/** Makes agents' credentials for the report bus. */
export interface BusAccess {
  /** nats:// or tls:// URLs that agents dial. */
  readonly urls: readonly string[];
  mint(cluster: ClusterId): Promise<BusGrant>;
}
