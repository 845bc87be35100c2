import { AdminService } from "../../proto/gen/weir/v1/admin_pb.ts";
import { ClusterService } from "../../proto/gen/weir/v1/fleet_pb.ts";
import { PlanService } from "../../proto/gen/weir/v1/plan_pb.ts";
import { PreviewService } from "../../proto/gen/weir/v1/preview_pb.ts";
import { ServiceService, ShiftService, StatusService } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { rpcService } from "../wire/rpc.ts";

/** The planner's operator API, as its client sees it. */
export const API = {
  clusters: rpcService(ClusterService),
  services: rpcService(ServiceService),
  shifts: rpcService(ShiftService),
  plans: rpcService(PlanService),
  previews: rpcService(PreviewService),
  status: rpcService(StatusService),
  admin: rpcService(AdminService),
} as const;
