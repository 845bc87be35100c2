import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReplicaStatusSchema } from "../../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Clock, Engine, Randomness } from "../../../engine/ports.ts";
import type { Settings } from "../../../model/settings.ts";
import type { Authority } from "../../pki/authority.ts";
import type { Survivals } from "../../survivals.ts";

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
  /** For previews, which plan as the real thing does. */
  readonly settings: Settings;
  /** Whether services outlive the loss of a cluster. */
  readonly survivals: Pick<Survivals, "of">;
}
