import type { Release } from "../../../model/fleet-document.ts";
import type { Version } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { nearest } from "../suggest.ts";
import { SHARE_OF_ONE } from "./measures.ts";

/** Shares of versions other than the stable one. */
export function releaseOf(
  fields: Fields,
  { stableVersion, versions }: { readonly stableVersion: Version; readonly versions: readonly Version[] },
): Release {
  const inner = fields.optionalFields("shares");
  if (inner === undefined) fields.refuse("FIELD_REQUIRED", "shares", "is required");
  const shares = inner?.keys().map((key) => {
    refuseVersion(inner, key, { stableVersion, versions });
    return [key, inner.optionalMeasure(key, SHARE_OF_ONE) ?? 0] as const;
  });
  const total = shares?.reduce((sum, [, share]) => sum + share, 0) ?? 0;
  // Sums of decimal fractions are not exact.
  if (total > 1 + 1e-9) fields.refuse("WEIGHTS_SUM", "shares", `sum to ${percentOf(total)}; at most 100% is allowed`);
  const maxSourceShare = fields.optionalMeasure("maxSourceShare", SHARE_OF_ONE) ?? 1;
  for (const [version, share] of shares ?? []) {
    if (share <= maxSourceShare) continue;
    const why = `is ${percentOf(maxSourceShare)}, but ${version} shall get ${percentOf(share)} of all requests`;
    fields.refuse("FIELD_INVALID", "maxSourceShare", why);
  }
  fields.done();
  return { shares: Object.fromEntries(shares ?? []) as Release["shares"], maxSourceShare };
}

function refuseVersion(
  fields: Fields,
  key: string,
  { stableVersion, versions }: { readonly stableVersion: Version; readonly versions: readonly Version[] },
): void {
  if (key === stableVersion)
    return fields.refuse("FIELD_INVALID", key, "is the stable version, which gets what the others leave");
  if ((versions as readonly string[]).includes(key)) return undefined;
  const meant = nearest(key, versions);
  const way = meant === undefined ? "add a destination that runs it" : `did you mean ${meant}?`;
  return fields.refuse("UNKNOWN_DESTINATION", key, `${JSON.stringify(key)} runs nowhere; ${way}`);
}

function percentOf(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`;
}
