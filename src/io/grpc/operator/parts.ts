import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReplicaStatusSchema } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Clock, Engine, Randomness } from "../../../engine/ports.ts";
import type { Command } from "../../../model/command.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { Observed } from "../../../model/observed.ts";
import type { Refusal } from "../../../model/refusal.ts";
import type { Result } from "../../../model/result.ts";
import type { ShiftPreview } from "../../../wire/shift.ts";
import type { Authority } from "../../pki/authority.ts";

/** What the operators' API is made of. */
export interface OperatorParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly authority: Authority;
  /** host:port of each replica's join listener, for tokens. */
  readonly joinAddresses: readonly string[];
  /** host:port of each replica's operator listener, for `weir login`. */
  readonly operatorAddresses: readonly string[];
  /** Every replica that was heard lately, this one first. */
  readonly replicas: () => readonly MessageInitShape<typeof ReplicaStatusSchema>[];
  /** What a shift would do, by the same code as the real one. */
  readonly previewShift: (
    command: Extract<Command, { kind: "request-shift" }>,
    seen: { readonly state: FleetState; readonly observed: Observed },
  ) => Result<ShiftPreview, Refusal>;
}
