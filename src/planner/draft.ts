import type { ClusterState } from "../model/cluster.ts";
import { INPUTS_CAUSES } from "../model/fleet.ts";
import type { FleetState, InputsCause, ServiceState } from "../model/fleet.ts";
import type { ClusterId, RouteSetHash, ServiceId } from "../model/ids.ts";
import { assert } from "../model/result.ts";
import { ShardedMap } from "../model/sharded-map.ts";

type MapName = "clusters" | "services" | "shifts" | "routeSets" | "revisions";
type Writable<K, V> = ReadonlyMap<K, V> & Pick<Map<K, V>, "set" | "delete">;
type EntryOf<N extends MapName> = FleetState[N] extends ReadonlyMap<infer K, infer V> ? Writable<K, V> : never;

/** A state being made from one record: maps are copied when first written to, all else is shared with the state before. */
export class Draft {
  readonly sequence: number;
  readonly atMs: number;
  readonly #copied = new Set<MapName>();
  readonly #ownReleased = new WeakSet<ServiceState["released"]>();
  #state: FleetState;

  constructor(before: FleetState, record: { readonly sequence: number; readonly atMs: number }) {
    assert(record.sequence > before.sequence, "records are folded in their order");
    this.sequence = record.sequence;
    this.atMs = Math.max(before.atMs, record.atMs);
    this.#state = { ...before, sequence: this.sequence, atMs: this.atMs };
  }

  get state(): FleetState {
    return this.#state;
  }

  /** Replaces plain fields. */
  assign(fields: Partial<Omit<FleetState, MapName>>): void {
    this.#state = { ...this.#state, ...fields };
  }

  /** Ends a freeze: an optional field is left out, not undefined. */
  thaw(): void {
    const { freeze: _freeze, ...rest } = this.#state;
    this.#state = rest;
  }

  /** A map of the state, the draft's own, to write to. */
  write<N extends MapName>(name: N): EntryOf<N> {
    if (!this.#copied.has(name)) {
      this.#copied.add(name);
      // Of route sets there may be hundreds of thousands, and a record brings a few.
      const copy =
        name === "routeSets"
          ? ShardedMap.copyOf(this.#state.routeSets)
          : new Map(this.#state[name] as ReadonlyMap<unknown, unknown>);
      this.#state = { ...this.#state, [name]: copy };
    }
    return this.#state[name] as unknown as EntryOf<N>;
  }

  /** Changes a cluster and counts the change. Nothing happens when the cluster is gone. */
  changeCluster(cluster: ClusterId, change: (before: ClusterState) => ClusterState): void {
    const before = this.#state.clusters.get(cluster);
    if (before === undefined) return;
    this.write("clusters").set(cluster, { ...change(before), resourceVersion: before.resourceVersion + 1 });
  }

  /** Changes a service. Nothing happens when the service is gone. */
  changeService(service: ServiceId, change: (before: ServiceState) => ServiceState): void {
    const before = this.#state.services.get(service);
    if (before !== undefined) this.write("services").set(service, change(before));
  }

  /**
   * Notes what a cluster is told of a service from now on. One record may tell a thousand clusters: the service's table is
   * copied for the first of them only.
   */
  release(service: ServiceId, cluster: ClusterId, hash: RouteSetHash): void {
    this.changeService(service, (before) => {
      const isOwn = this.#ownReleased.has(before.released);
      const released: Record<ClusterId, RouteSetHash> = isOwn ? before.released : { ...before.released };
      released[cluster] = hash;
      this.#ownReleased.add(released);
      return { ...before, released };
    });
  }

  /** Notes that what a plan of the service depends on has moved, and why. */
  raiseInputs(service: ServiceId, cause: InputsCause): void {
    this.changeService(service, (before) => ({
      ...before,
      inputsSequence: this.sequence,
      inputsCause: moreUrgent(before.inputsCause, cause),
    }));
  }

  /** The same for every service that meets a condition. */
  raiseInputsWhere(meets: (service: ServiceState) => boolean, cause: InputsCause): void {
    for (const [id, service] of this.#state.services) if (meets(service)) this.raiseInputs(id, cause);
  }
}

function moreUrgent(a: InputsCause | undefined, b: InputsCause): InputsCause {
  if (a === undefined) return b;
  return INPUTS_CAUSES.indexOf(a) > INPUTS_CAUSES.indexOf(b) ? a : b;
}
