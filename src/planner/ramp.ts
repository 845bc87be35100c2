import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";

/**
 * Where the ramp of a returning cluster starts; undefined: no ramp is set. It takes nothing away from who still sends
 * more: a ceiling only bounds how far a share may rise.
 */
export function firstCeiling({ rampCeilings }: Settings): number | undefined {
  return rampCeilings.find((ceiling) => ceiling < WEIGHT_TOTAL);
}

/**
 * Raises the ceilings that stood long enough. Only a healthy cluster climbs, and none while the fleet is frozen; a
 * service that is held up by something of its own catches up inside its step limit.
 */
export function advanceRamps(state: FleetState, atMs: number, settings: Settings): readonly FleetEvent[] {
  if (state.freeze !== undefined) return [];
  const clusters = [...state.clusters].toSorted(([a], [b]) => compareNames(a, b));
  return clusters.flatMap(([cluster, { ramp, verdict }]): readonly FleetEvent[] => {
    if (ramp === undefined || verdict !== "healthy") return [];
    if (atMs - ramp.changedAtMs < settings.rampStepMs) return [];
    const next = settings.rampCeilings.find((ceiling) => ceiling > ramp.ceilingWeight) ?? WEIGHT_TOTAL;
    return [{ kind: "ramp-changed", cluster, ...(next >= WEIGHT_TOTAL ? {} : { ceilingWeight: next }) }];
  });
}
