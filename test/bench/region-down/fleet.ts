import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readFleetDocument } from "../../../src/io/yaml/fleet-document.ts";
import type { FleetDocument } from "../../../src/model/fleet-document.ts";
import { SCENARIOS } from "../quality/scenarios.ts";

/** One cluster with its callers and its one backend. */
export interface Site {
  readonly name: string;
  /** Loopback address of all that runs there, which it sends from as well. */
  readonly address: string;
  readonly servers: number;
  readonly meanWorkMs: number;
  readonly demandRps: number;
}

/** Scenario S7, scaled down to what one machine carries. */
export interface Fleet {
  readonly sites: readonly Site[];
  /** The cluster that dies. */
  readonly lost: string;
  /** Address of NATS and the planner. */
  readonly controlAddress: string;
  /** Declared round trip between two different clusters, ms. The net adds it as real delay. */
  readonly roundTripMs: (a: string, b: string) => number;
}

/** Ports, the same on every address; the planner's and NATS' are the demo's. */
export const PORTS = { outbound: 8080, gateway: 15444, wan: 15443, backend: 9001, ads: 15010, admin: 15000 } as const;

/** The one service of every site. */
export const SERVICE = "shop/checkout";
export const HOST = "checkout.shop";

/** Share of S7's servers and demand that are really run: utilisations stay what they are. */
export const SCALE = 0.1;

/** Time one try may take, time a request may take, and tries after the first: the same on both sides. */
export const REQUEST = { perTryTimeoutMs: 1_000, requestTimeoutMs: 5_000, retries: 3 } as const;

/** The clusters, round trips, servers and demand of scenario S7 (planning, section 2), scaled by `SCALE`. */
export function scaledFleet(address: (n: number) => string): Fleet {
  const document = scenario();
  const [service] = document.services;
  const sites = document.clusters.map(({ name }, index): Site => {
    const destination = service?.destinations.find(({ cluster }) => cluster === name);
    if (destination?.curve.kind !== "queue") throw new Error(`${name} has no queue`);
    const { servers, meanWorkMs } = destination.curve;
    const demandRps = (service?.demandRps[name] ?? 0) * SCALE;
    return { name, address: address(index + 1), servers: Math.round(servers * SCALE), meanWorkMs, demandRps };
  });
  const lost = document.clusters.find(({ state }) => state === "dead");
  if (lost === undefined) throw new Error("no cluster of the scenario dies");
  return { sites, lost: lost.name, controlAddress: address(100), roundTripMs: roundTripsOf(document) };
}

function scenario(): FleetDocument {
  const path = join(SCENARIOS, "s7-region-down.yaml");
  const read = readFleetDocument(readFileSync(path, "utf8"), path);
  if (!read.ok) throw new Error(read.refusal.map(({ field, message }) => `${field}: ${message}`).join("\n"));
  return read.value;
}

function roundTripsOf({ rttMs }: FleetDocument): Fleet["roundTripMs"] {
  const table = new Map(Object.entries(rttMs).map(([from, row]) => [from, new Map(Object.entries(row))] as const));
  return (a, b) => {
    const found = table.get(a)?.get(b) ?? table.get(b)?.get(a);
    if (found === undefined) throw new Error(`no round trip between ${a} and ${b}`);
    return found;
  };
}

/** Requests per second that a site serves at most. */
export function capacityOf({ servers, meanWorkMs }: Site): number {
  return (1_000 * servers) / meanWorkMs;
}

/** The other sites, nearest first. */
export function nearestTo(site: Site, { sites, roundTripMs }: Fleet): readonly Site[] {
  const others = sites.filter(({ name }) => name !== site.name);
  return others.toSorted((a, b) => roundTripMs(site.name, a.name) - roundTripMs(site.name, b.name));
}
