import { z } from "zod";
import { badName } from "../model/names.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import type { Settings } from "../model/settings.ts";

/** host:port, an IPv6 address in brackets. */
const ENDPOINT = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/;

const name = z.string().superRefine((text, context) => {
  const reason = badName(text);
  if (reason !== undefined) context.addIssue({ code: "custom", message: `${reason}; such as planner-1` });
});
const endpoint = z
  .string()
  .refine((text) => portOf(text) <= 65_535, "is not host:port with a port from 0 to 65535; such as 127.0.0.1:7442")
  .transform((text) => ({ host: text.replace(ENDPOINT, "$1").replace(/^\[(.*)\]$/, "$1"), port: portOf(text) }));
const address = z.string().regex(ENDPOINT, "is not host:port; such as planner-1.example:7442");
const busUrl = z.string().regex(/^(nats|tls):\/\/[^\s/]+$/, "is not a NATS URL; such as nats://127.0.0.1:4222");
const count = z.int().min(1).max(1_000_000);
const milliseconds = z.int().min(1).max(31_536_000_000);

function portOf(text: string): number {
  return Number(ENDPOINT.exec(text)?.[2] ?? Number.NaN);
}

/** Ratios are shares of one; everything else of the settings is an amount. */
const settings = z.strictObject({
  ...(Object.fromEntries(
    Object.entries(DEFAULT_SETTINGS)
      .filter(([, value]) => typeof value === "number")
      .map(([key, value]) => [
        key,
        (Number(value) < 1 ? z.number().min(0).max(1) : z.number().min(0)).default(Number(value)),
      ]),
  ) as { [K in Exclude<keyof Settings, "rampCeilings" | "allocation">]: z.ZodDefault<z.ZodNumber> }),
  allocation: z.enum(["waterfall", "optimum"]).default(DEFAULT_SETTINGS.allocation),
  rampCeilings: z
    .array(z.int().min(1).max(10_000))
    .min(1)
    .default([...DEFAULT_SETTINGS.rampCeilings]),
});

const keys = z.strictObject({
  replica: name.default("planner-1"),
  trustDomain: name.default("weir"),
  pki: z
    .strictObject({ caCertificate: z.string().default("pki/ca.crt"), caKey: z.string().default("pki/ca.key") })
    .prefault({}),
  nats: z
    .strictObject({
      urls: z.array(busUrl).min(1).default(["nats://127.0.0.1:4222"]),
      credentials: z.string().default("nats/planner.creds"),
      fleetSigner: z.string().default("nats/fleet-signer.json"),
      /** What agents dial; empty: the same. */
      agentUrls: z.array(busUrl).default([]),
      /** PEM of the CA of the servers; empty: no TLS. */
      caCertificate: z.string().default(""),
      /** Copies of the log. */
      streamReplicas: z.literal([1, 3, 5]).default(1),
    })
    .prefault({}),
  listen: z
    .strictObject({
      join: endpoint.prefault("127.0.0.1:7441"),
      agent: endpoint.prefault("127.0.0.1:7442"),
      operator: endpoint.prefault("127.0.0.1:7443"),
      http: endpoint.prefault("127.0.0.1:7444"),
      socket: z.string().min(1).default("weir.sock"),
    })
    .prefault({}),
  /** What others are told to dial, of every replica; empty: what this one listens on. */
  advertise: z
    .strictObject({
      join: z.array(address).default([]),
      agent: z.array(address).default([]),
      operator: z.array(address).default([]),
      /** Further names and addresses for this replica's certificate. */
      hosts: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
  certificates: z
    .strictObject({
      agentTtlMs: milliseconds.min(15_000).default(86_400_000),
      serverTtlMs: milliseconds.min(15_000).default(86_400_000),
      /** A revoked agent can reach the bus, unheard, until its credentials end; new ones come at two thirds. */
      busTtlMs: milliseconds.min(10_000).max(3_600_000).default(900_000),
    })
    .prefault({}),
  push: z
    .strictObject({
      ackDeadlineMs: milliseconds.default(60_000),
      wave: count.default(200),
      admissionsPerSecond: count.default(50),
      connections: count.default(5_000),
    })
    .prefault({}),
  timing: z
    .strictObject({
      tickMs: milliseconds.default(1_000),
      heartbeatMs: milliseconds.default(1_000),
      leaderTimeoutMs: milliseconds.default(5_000),
      electionSpreadMs: milliseconds.default(500),
      planTimeoutMs: milliseconds.default(30_000),
      storeCheckMs: milliseconds.default(5_000),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  settings: settings.prefault({}),
});

/** Listeners whose addresses others are told, and keep: agents for as long as they live. */
const TOLD = ["join", "agent", "operator"] as const;

/**
 * The keys with their types and defaults, and what has to hold between them. A port that the system chooses is another
 * one after a restart, so that it can be listened on, but not told.
 */
export const schema = keys.superRefine(
  ({ listen, advertise }, context) => {
    for (const listener of TOLD) {
      const { host, port } = listen[listener];
      if (port !== 0 || advertise[listener].length > 0) continue;
      context.addIssue({
        code: "custom",
        path: ["listen", listener],
        input: `${host}:${port}`,
        message: `is another port after each start, but others are told to dial it; choose one, or set advertise.${listener}`,
      });
    }
  },
  { when: ({ issues }) => !issues.some(spoilsAddresses) },
);

/** Whether something is wrong with the addresses themselves, or with the document as a whole. */
function spoilsAddresses({ code, path = [] }: z.core.$ZodRawIssue): boolean {
  const [group] = path;
  return group === undefined ? code !== "unrecognized_keys" : group === "listen" || group === "advertise";
}

/** The planner's configuration, complete and checked. Paths are absolute. */
export type Config = z.output<typeof schema>;
