import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReasonSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import type { Reason } from "../model/plan.ts";
import { toDestination } from "./split.ts";

/** A reason in the wire's form. */
export function toReason({ cluster, destination, kind, text }: Reason): MessageInitShape<typeof ReasonSchema> {
  return { cluster, destination: toDestination(destination), kind, text };
}
