import type { Destination, DestinationKey, Split } from "../model/destination.ts";
import { destinationOf, keyOf, WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetState, ServiceState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Settings } from "../model/settings.ts";
import { PASSED, reject } from "./decision.ts";
import type { Check } from "./decision.ts";
import { rps } from "./drains.ts";
import { percent, releasedSplit } from "./released.ts";
import { demandingSources, demandOf, roomOf } from "./room.ts";
import type { Asked } from "./shift-target.ts";

/**
 * Refuses OVER_CAPACITY a split that would give a destination more than it takes and more than it gets now, and says how
 * much it could be given. A destination whose capacity nobody knows is taken at its owner's word.
 */
export function checkShiftLoad(asked: Asked, settings: Settings): Check {
  if (asked.target.kind === "automatic") return PASSED;
  const { state, service, sources } = asked;
  const { split } = asked.target;
  const before = loads(service, (source) => heldSplit(state, service, source));
  const after = loads(service, (source) => (sources.includes(source) ? split : heldSplit(state, service, source)));
  for (const key of [...after.keys()].toSorted(compareNames)) {
    const destination = destinationOf(key);
    const room = destination === undefined ? undefined : roomOf(service, destination, settings);
    const load = after.get(key) ?? 0;
    if (destination === undefined || room === undefined || load <= room || load <= (before.get(key) ?? 0)) continue;
    return overCapacity(asked, { destination, load, room, split }, settings);
  }
  return PASSED;
}

interface Excess {
  readonly destination: Destination;
  readonly load: number;
  readonly room: number;
  readonly split: Split;
}

function overCapacity(
  { service, sources }: Asked,
  { destination, load, room, split }: Excess,
  settings: Settings,
): Check {
  const key = keyOf(destination);
  const moved = sources.reduce((sum, source) => sum + demandOf(service, source), 0);
  const index = split.findIndex((entry) => keyOf(entry.destination) === key);
  const asked = split[index]?.weight ?? 0;
  const others = load - (moved * asked) / WEIGHT_TOTAL;
  const most = moved === 0 ? 0 : Math.max(0, Math.floor(((room - others) / moved) * WEIGHT_TOTAL));
  const message =
    `${key} would get ${rps(load)}, but takes at most ${rps(room)} ` +
    `(${Math.round(settings.utilisationMax * 100)} % of its capacity); give it at most ${percent(Math.min(most, WEIGHT_TOTAL))} (${Math.min(most, WEIGHT_TOTAL)}) of ${sources.join(", ")}`;
  return reject("OVER_CAPACITY", index < 0 ? "target.split.weights" : `target.split.weights[${index}].weight`, message);
}

/** Where a source's requests go or are about to go: its pin, else what was released to it. */
function heldSplit(state: FleetState, service: ServiceState, source: ClusterId): Split {
  return service.pins[source] ?? releasedSplit(state, service, source) ?? [];
}

function loads(service: ServiceState, splitOf: (source: ClusterId) => Split): ReadonlyMap<DestinationKey, number> {
  const sums = new Map<DestinationKey, number>();
  for (const source of demandingSources(service)) {
    for (const { destination, weight } of splitOf(source)) {
      const key = keyOf(destination);
      sums.set(key, (sums.get(key) ?? 0) + (demandOf(service, source) * weight) / WEIGHT_TOTAL);
    }
  }
  return sums;
}
