import { DEFAULT_MEAN_WORK_MS, DEFAULT_SQUARED_VARIATION, serversFor } from "../../../model/fleet-document.ts";
import type { DocumentDestination, LoadCurve } from "../../../model/fleet-document.ts";
import type { ClusterId, Version } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { EXPONENT, POSITIVE, SHARE_OF_ONE } from "./measures.ts";
import { nameOf, unknownCluster } from "./names.ts";

/** The destinations of a service, each (cluster, version) once. */
export function destinationsOf(fields: Fields, names: readonly ClusterId[]): readonly DocumentDestination[] {
  fields.require("destinations");
  const seen = new Set<string>();
  return fields.list("destinations").map((item) => {
    const cluster = nameOf<ClusterId>(item, "cluster");
    const fault = cluster === "" ? undefined : unknownCluster(cluster, names);
    if (fault !== undefined) item.refuse(fault.code, "cluster", fault.why);
    const version = nameOf<Version>(item, "version");
    const key = `${cluster}/${version}`;
    if (seen.has(key)) item.refuse("DUPLICATE_KEY", "", `${key} is declared a second time`);
    seen.add(key);
    const curve = curveOf(item);
    const readyShare = item.optionalMeasure("readyShare", SHARE_OF_ONE);
    item.done();
    return { cluster, version, curve, ...(readyShare === undefined || readyShare === 1 ? {} : { readyShare }) };
  });
}

function curveOf(fields: Fields): LoadCurve {
  const latency = fields.optionalFields("latency");
  const queue = {
    servers: fields.optionalAmount("servers"),
    meanWorkMs: fields.optionalMeasure("meanWorkMs", POSITIVE),
    squaredVariation: fields.optionalAmount("squaredVariation"),
  };
  const capacityRps = fields.optionalAmount("capacityRps");
  if (latency !== undefined) {
    for (const [key, value] of Object.entries(queue))
      if (value !== undefined)
        fields.refuse("FIELD_INVALID", key, "is of a queue, but latency gives the curve; leave one out");
    return polynomialOf(latency, capacityRps);
  }
  return queueOf(fields, { ...queue, capacityRps });
}

interface WrittenQueue {
  readonly servers: number | undefined;
  readonly meanWorkMs: number | undefined;
  readonly squaredVariation: number | undefined;
  readonly capacityRps: number | undefined;
}

function queueOf(fields: Fields, { servers, meanWorkMs, squaredVariation, capacityRps }: WrittenQueue): LoadCurve {
  if (servers === undefined && capacityRps === undefined)
    fields.refuse("FIELD_REQUIRED", "servers", "one of servers, capacityRps and latency is required");
  if (servers !== undefined && capacityRps !== undefined)
    fields.refuse("FIELD_INVALID", "capacityRps", "follows from servers and meanWorkMs; leave it or servers out");
  const workMs = meanWorkMs ?? DEFAULT_MEAN_WORK_MS;
  return {
    kind: "queue",
    servers: servers ?? serversFor(capacityRps ?? 0, workMs),
    meanWorkMs: workMs,
    squaredVariation: squaredVariation ?? DEFAULT_SQUARED_VARIATION,
  };
}

function polynomialOf(fields: Fields, capacityRps: number | undefined): LoadCurve {
  const required = (key: string): number => {
    fields.require(key);
    return fields.optionalAmount(key) ?? 0;
  };
  const [baseMs, coefficient] = [required("baseMs"), required("coefficient")];
  fields.require("exponent");
  const exponent = fields.optionalMeasure("exponent", EXPONENT) ?? 1;
  fields.done();
  return {
    kind: "polynomial",
    baseMs,
    coefficient,
    exponent,
    ...(capacityRps === undefined ? {} : { capacityRps }),
  };
}
