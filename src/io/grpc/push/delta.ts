import { FallbackOutcome } from "../../../../proto/gen/weir/v1/agent_pb.ts";
import type { FleetState } from "../../../model/fleet.ts";
import { compareNames } from "../../../model/ids.ts";
import type { RouteSetHash, ServiceId } from "../../../model/ids.ts";
import { assert } from "../../../model/result.ts";
import { planDigest } from "../../../wire/digest.ts";
import type { Preserialized } from "../../../wire/rpc.ts";
import { planBytes } from "../../../wire/stream-bytes.ts";
import type { RouteSetBytes } from "./route-set-bytes.ts";
import type { Ruling } from "./rulings.ts";
import type { Wanted } from "./wanted.ts";

/** What a delta is made of. */
export interface DeltaParts {
  /** What the agent holds, as it said or was sent; undefined: unknown, send everything. */
  readonly known: ReadonlyMap<ServiceId, string> | undefined;
  /** Every service that it may hold something of: a complete plan names those that it shall hold no longer. */
  readonly named?: Iterable<ServiceId>;
  readonly wanted: Wanted;
  readonly rulings: readonly Ruling[];
}

/** Whether what the agent holds differs from what it shall hold. */
export function differs(known: ReadonlyMap<ServiceId, string>, wanted: Wanted): boolean {
  if (known === wanted.hashes) return false;
  if (known.size !== wanted.hashes.size) return true;
  for (const [service, hash] of wanted.hashes) if (known.get(service) !== hash) return true;
  return false;
}

/** The message with the delta from what an agent holds to what it shall hold, ready to be sent. */
export function deltaOf(
  { known, named = [], wanted, rulings }: DeltaParts,
  { state, bytesOf }: { readonly state: FleetState; readonly bytesOf: RouteSetBytes },
): Preserialized {
  const changed: (readonly [ServiceId, RouteSetHash])[] = [];
  for (const entry of wanted.hashes) if (known?.get(entry[0]) !== entry[1]) changed.push(entry);
  const removed: ServiceId[] = [];
  for (const service of known?.keys() ?? named) if (!wanted.hashes.has(service)) removed.push(service);
  if (changed.length > 1) changed.sort(([a], [b]) => compareNames(a, b));
  const routeSets = changed.map(([, hash]) => {
    const routeSet = state.routeSets.get(hash);
    assert(routeSet !== undefined, "what is released is stored");
    return bytesOf(routeSet);
  });
  const { position, hashes } = wanted;
  return planBytes(
    { position, base: known === undefined ? "nothing" : "held", routeSets, digest: planDigest(hashes) },
    {
      removed: removed.length > 1 ? removed.toSorted(compareNames) : removed,
      fallbackRulings: rulings.map(({ lostCluster, outcome }) => ({
        lostCluster,
        outcome: outcome === "adopted" ? FallbackOutcome.ADOPTED : FallbackOutcome.REVERSED,
      })),
    },
  );
}
