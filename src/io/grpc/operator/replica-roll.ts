import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReplicaStatusSchema } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Clock, Engine, ReplicaBus } from "../../../engine/ports.ts";
import type { ReplicaHeartbeat } from "../../../model/heartbeat.ts";
import { compareNames } from "../../../model/ids.ts";
import { toSequence } from "../../../wire/position.ts";

type ReplicaStatus = MessageInitShape<typeof ReplicaStatusSchema>;

/** A replica that was not heard for this long is left out, in ms. */
const FORGOTTEN_AFTER_MS = 5_000;

/** Lists the replicas that were heard lately, this one first. */
export function replicaRoll(engine: Engine, bus: ReplicaBus, clock: Clock) {
  const heard = new Map<string, { readonly heartbeat: ReplicaHeartbeat; readonly atMs: number }>();
  const stop = bus.onHeartbeat((heartbeat) => {
    // By process: two that go by one name are both shown.
    heard.set(`${heartbeat.replica} ${heartbeat.bootId}`, { heartbeat, atMs: clock.monotonicMs() });
  });
  const list = (): readonly ReplicaStatus[] => {
    const now = clock.monotonicMs();
    const others = [...heard.values()].filter(({ atMs }) => now - atMs < FORGOTTEN_AFTER_MS);
    const sorted = others.toSorted((a, b) => compareNames(a.heartbeat.replica, b.heartbeat.replica));
    return [own(engine), ...sorted.map(({ heartbeat }) => other(heartbeat))];
  };
  return { list, stop };
}

function own(engine: Engine): ReplicaStatus {
  const { sequence, epoch } = engine.state();
  const halted = engine.halted();
  return {
    replica: engine.replica,
    isLeading: engine.leader()?.isSelf === true,
    epoch: toSequence(epoch),
    sequence: toSequence(sequence),
    halted: halted === undefined ? "" : `${halted.code}: ${halted.message}`,
  };
}

function other({ replica, isLeading, epoch, sequence, halted }: ReplicaHeartbeat): ReplicaStatus {
  return { replica, isLeading, epoch: toSequence(epoch), sequence: toSequence(sequence), halted };
}
