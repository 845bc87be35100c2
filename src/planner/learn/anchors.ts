import type { Measured } from "../../model/command.ts";
import type { DestinationKey } from "../../model/destination.ts";
import type { FleetState, Reported } from "../../model/fleet.ts";
import type { ServiceId } from "../../model/ids.ts";
import type { LearnedDestination } from "../../model/learned.ts";

/** So long after its first word a cluster may raise it: endpoints start one by one, ms. */
const ANCHOR_MS = 60_000;

interface Anchoring {
  readonly state: FleetState;
  /** What clusters said that is recorded now. */
  readonly reported: Measured["reported"];
  readonly atMs: number;
}

type Learned = Pick<Measured, "learned" | "rttMs">;

/**
 * Remembers what each cluster first said of a destination's capacity, for all that it says later is measured by that
 * (`ceilingOf`). What was recorded before anybody remembered is taken for its first word.
 */
export function withAnchors({ learned = {}, ...rest }: Learned, { state, reported, atMs }: Anchoring): Learned {
  const found: Record<ServiceId, Record<DestinationKey, LearnedDestination>> = {};
  for (const [service, rows] of Object.entries(reported) as [ServiceId, Measured["reported"][ServiceId]][]) {
    const known = state.services.get(service);
    for (const [key, { capacityRps }] of Object.entries(rows) as [DestinationKey, Reported][]) {
      const before = learned[service]?.[key] ?? known?.learned?.[key];
      const firstRps = before?.anchorRps ?? known?.reported[key]?.capacityRps;
      const next = anchoredAt(before, { firstRps, claimRps: capacityRps, atMs });
      if (next !== undefined) found[service] = { ...found[service], [key]: next };
    }
  }
  const services = new Set([...Object.keys(learned), ...Object.keys(found)] as ServiceId[]);
  if (services.size === 0) return rest;
  const merged = [...services].map((service) => [service, { ...learned[service], ...found[service] }]);
  return { ...rest, learned: Object.fromEntries(merged) };
}

interface Claim {
  readonly firstRps: number | undefined;
  readonly claimRps: number | undefined;
  readonly atMs: number;
}

function anchoredAt(
  before: LearnedDestination | undefined,
  { firstRps, claimRps, atMs }: Claim,
): LearnedDestination | undefined {
  if (claimRps === undefined) return undefined;
  if (before?.anchorRps === undefined) return { ...before, anchorRps: firstRps ?? claimRps, anchoredAtMs: atMs };
  const isStarting = atMs - (before.anchoredAtMs ?? 0) < ANCHOR_MS;
  return isStarting && claimRps > before.anchorRps ? { ...before, anchorRps: claimRps } : undefined;
}
