import type { FleetState } from "../model/fleet.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ClusterReport } from "../model/report.ts";

/**
 * Why a report is not taken, if so. The credentials for the bus are checked by its servers, and hold for minutes after a
 * cluster was shut out: until then its reports still come, and are worth nothing. REVOKED, IDENTITY_CLONED,
 * IDENTITY_MISMATCH. A cluster that the log does not know is heard: after a loss of the log it is a witness.
 */
export function refuseReporter(
  state: FleetState,
  { cluster, uid }: Pick<ClusterReport, "cluster" | "uid">,
): Refusal | undefined {
  const known = state.clusters.get(cluster);
  if (known === undefined) return undefined;
  if (known.membership === "revoked") return refusal("REVOKED", `${cluster} is revoked; its reports do not count`);
  if (known.isQuarantined) {
    return refusal("IDENTITY_CLONED", `${cluster} was seen from two clusters; neither one's reports count`);
  }
  if (known.uid === undefined || known.uid === uid) return undefined;
  const said = JSON.stringify(uid.slice(0, 128));
  return refusal("IDENTITY_MISMATCH", `${cluster} joined as ${JSON.stringify(known.uid)}, the report is of ${said}`);
}

function refusal(code: Refusal["code"], message: string): Refusal {
  return { code, field: "cluster", message };
}
