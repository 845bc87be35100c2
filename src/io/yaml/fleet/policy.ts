import type { LabelValues, ServicePolicy } from "../../../model/fleet-document.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { labelsOf } from "./clusters.ts";
import { failoverOf } from "./failover.ts";
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
  const allowedLabels = labelValuesOf(fields, "allowedLabels");
  const deniedLabels = labelValuesOf(fields, "deniedLabels");
  const isLimited = fields.kindOf("allowedClusters") !== undefined;
  const allowedClusters = clusters("allowedClusters");
  const deniedClusters = clusters("deniedClusters");
  const maxShare = fields.optionalMeasure("maxShare", SHARE_OF_ONE) ?? DEFAULT_POLICY.maxShare;
  if (maxShare === 0) fields.refuse("FIELD_INVALID", "maxShare", "is 0, which lets nobody serve anything");
  const surviveLossOf =
    fields.kindOf("surviveLossOf") === "list"
      ? clusters("surviveLossOf")
      : (fields.optionalChoice("surviveLossOf", LOSSES) ?? DEFAULT_POLICY.surviveLossOf);
  const failover = failoverOf(fields.optionalFields("failover"), (text) => unknownCluster(text, names));
  if (failover !== undefined && isolation !== "none")
    fields.refuse(
      "FIELD_INVALID",
      "failover",
      `says where requests go, and so does isolation ${isolation}; leave one out`,
    );
  const localityPenaltyMs = penaltiesOf(fields);
  fields.done();
  return {
    isolation,
    requiredLabels,
    ...(allowedLabels === undefined ? {} : { allowedLabels }),
    ...(deniedLabels === undefined ? {} : { deniedLabels }),
    ...(isLimited ? { allowedClusters } : {}),
    deniedClusters,
    maxShare,
    surviveLossOf,
    ...(failover === undefined ? {} : { failover }),
    ...(localityPenaltyMs === undefined ? {} : { localityPenaltyMs }),
  };
}

/** Penalties by the label's name; undefined when there are none. */
function penaltiesOf(fields: Fields): ServicePolicy["localityPenaltyMs"] {
  const penalties = fields.amounts("localityPenaltyMs");
  return Object.keys(penalties).length === 0 ? undefined : penalties;
}

/** Values by the label's name, one as text or several as a list; undefined when there are none. */
export function labelValuesOf(fields: Fields, key: string): LabelValues | undefined {
  const inner = fields.optionalFields(key);
  const entries = inner?.keys().map((name) => {
    const values = inner.kindOf(name) === "list" ? inner.texts(name) : [inner.text(name)];
    if (values.length === 0) inner.refuse("EMPTY_SELECTOR", name, "has no value; leave the label out");
    return [name, values] as const;
  });
  return entries === undefined || entries.length === 0 ? undefined : Object.fromEntries(entries);
}
