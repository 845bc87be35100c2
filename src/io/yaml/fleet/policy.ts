import type { ServicePolicy } from "../../../model/fleet-document.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { labelsOf } from "./clusters.ts";
import { unknownCluster } from "./names.ts";
import { SHARE_OF_ONE } from "./measures.ts";

/** What a service that says nothing gets: wherever it pays. */
export const DEFAULT_POLICY: ServicePolicy = {
  isolation: "none",
  requiredLabels: {},
  deniedClusters: [],
  maxShare: 1,
  surviveLossOf: "none",
};

const ISOLATIONS = { none: "none", nearest: "nearest", strict: "strict" } as const;
const LOSSES = { none: "none", any: "any" } as const;

/** Where a service's requests may go. */
export function policyOf(fields: Fields | undefined, names: readonly ClusterId[]): ServicePolicy {
  if (fields === undefined) return DEFAULT_POLICY;
  const clusters = (key: string): readonly ClusterId[] =>
    fields.judgedTexts(key, (text) => unknownCluster(text, names)) as readonly ClusterId[];
  const isolation = fields.optionalChoice("isolation", ISOLATIONS) ?? DEFAULT_POLICY.isolation;
  const requiredLabels = labelsOf(fields, "requiredLabels");
  const isLimited = fields.kindOf("allowedClusters") !== undefined;
  const allowedClusters = clusters("allowedClusters");
  const deniedClusters = clusters("deniedClusters");
  const maxShare = fields.optionalMeasure("maxShare", SHARE_OF_ONE) ?? DEFAULT_POLICY.maxShare;
  if (maxShare === 0) fields.refuse("FIELD_INVALID", "maxShare", "is 0, which lets nobody serve anything");
  const surviveLossOf =
    fields.kindOf("surviveLossOf") === "list"
      ? clusters("surviveLossOf")
      : (fields.optionalChoice("surviveLossOf", LOSSES) ?? DEFAULT_POLICY.surviveLossOf);
  fields.done();
  return {
    isolation,
    requiredLabels,
    ...(isLimited ? { allowedClusters } : {}),
    deniedClusters,
    maxShare,
    surviveLossOf,
  };
}
