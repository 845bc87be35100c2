import type { MessageInitShape } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "commander";
import type {
  CapacityChangeSchema,
  DemandChangeSchema,
  PreviewChangeRequestSchema,
} from "../../../proto/gen/weir/v1/preview_pb.ts";
import { ForceMode } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { ShiftProposalSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { destinationOf } from "../../model/destination.ts";
import { parseShare } from "../notation.ts";

type Demand = MessageInitShape<typeof DemandChangeSchema>;
type Capacity = MessageInitShape<typeof CapacityChangeSchema>;
type Shift = MessageInitShape<typeof ShiftProposalSchema>;

/** Options of a preview. */
export interface SupposingOptions {
  readonly demand?: readonly Demand[];
  readonly capacity?: readonly Capacity[];
  readonly lose?: readonly string[];
  readonly cordon?: readonly string[];
  readonly drain?: readonly string[];
  readonly shift?: readonly Shift[];
  readonly step?: number;
  readonly bake?: number;
  readonly force?: true;
  readonly service?: readonly string[];
  readonly details?: number;
}

/** What the options suppose, as it is sent. */
export function supposing(options: SupposingOptions): MessageInitShape<typeof PreviewChangeRequestSchema> {
  const { demand = [], capacity = [], lose = [], cordon = [], drain = [], shift = [], service = [] } = options;
  const pace = {
    maxStepWeight: options.step ?? 0,
    ...(options.bake === undefined ? {} : { bakeMs: options.bake }),
  };
  return {
    demands: [...demand],
    capacities: [...capacity],
    lostClusters: [...lose],
    cordons: [...cordon],
    drains: drain.map((cluster) => ({
      cluster,
      ...pace,
      force: options.force === true ? ForceMode.YES : ForceMode.NO,
    })),
    shifts: shift.map((proposal) => ({ ...proposal, ...pace })),
    services: [...service],
    detailsMax: options.details ?? 0,
  };
}

/** Collects `--demand 1.5`, `--demand shop/checkout=2`, `--demand @us-east=150%`, `--demand shop/checkout@us-east=0`. */
export function demands(text: string, before: readonly Demand[] = []): readonly Demand[] {
  const at = text.lastIndexOf("=");
  const factor = factorOf(text.slice(at + 1));
  if (factor === undefined)
    throw new InvalidArgumentError("write it as 1.5, or SERVICE[@CLUSTER]=1.5, or @CLUSTER=150%.");
  const [service, source] = placeOf(at < 0 ? "" : text.slice(0, at));
  return [...before, { service, source, factor }];
}

/** Collects `--capacity shop/checkout@us-east=0.5`, `--capacity @us-east=50%`, `--capacity shop/checkout@us-east/v1=400rps`. */
export function capacities(text: string, before: readonly Capacity[] = []): readonly Capacity[] {
  const at = text.lastIndexOf("=");
  const change = capacityOf(text.slice(at + 1));
  if (at < 1 || change === undefined)
    throw new InvalidArgumentError("write it as SERVICE[@CLUSTER[/VERSION]]=0.5, @CLUSTER=50%, or …=400rps.");
  const [service, place] = placeOf(text.slice(0, at));
  const [cluster = "", version = ""] = place.split("/");
  return [...before, { service, cluster, version, change }];
}

function capacityOf(text: string): NonNullable<Capacity["change"]> | undefined {
  const rps = /^(\d+(?:\.\d+)?)(?:rps|\/s)$/.exec(text)?.[1];
  if (rps !== undefined) return { case: "capacityRps", value: Number(rps) };
  const factor = factorOf(text);
  return factor === undefined ? undefined : { case: "factor", value: factor };
}

/** `1.5`, `x1.5`, `150%`. */
function factorOf(text: string): number | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) return Number(percent) / 100;
  const plain = /^x?(\d+(?:\.\d+)?)$/.exec(text)?.[1];
  return plain === undefined ? undefined : Number(plain);
}

function placeOf(text: string): readonly [service: string, place: string] {
  const at = text.indexOf("@");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Collects `--shift shop/checkout@us-east:eu-west/v1=50%,us-east/v1=50%`; several sources with `+`. */
export function shifts(text: string, before: readonly Shift[] = []): readonly Shift[] {
  const [, service = "", sources = "", targets = ""] = /^([^@]+)@([^:]+):(.+)$/.exec(text) ?? [];
  const weights = targets.split(",").map((part) => {
    const at = part.lastIndexOf("=");
    const [destination, weight] = [destinationOf(part.slice(0, at)), parseShare(part.slice(at + 1))];
    return destination === undefined || weight === undefined ? undefined : { destination, weight };
  });
  const isWhole = weights.every((entry) => entry !== undefined);
  if (service === "" || !isWhole)
    throw new InvalidArgumentError("write it as SERVICE@CLUSTER:CLUSTER/VERSION=50%,CLUSTER/VERSION=50%.");
  const target = {
    target: { case: "split" as const, value: { weights: weights.filter((entry) => entry !== undefined) } },
  };
  return [...before, { service, sources: sources.split("+"), target }];
}
