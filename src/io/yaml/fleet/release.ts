import type { Release, VersionMatch } from "../../../model/fleet-document.ts";
import type { Version } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { nearest } from "../suggest.ts";
import { labelsOf } from "./clusters.ts";
import { SHARE_OF_ONE } from "./measures.ts";

/** Shares of versions other than the stable one. */
export function releaseOf(
  fields: Fields,
  { stableVersion, versions }: { readonly stableVersion: Version; readonly versions: readonly Version[] },
): Release {
  const matches = matchesOf(fields, versions);
  const inner = fields.optionalFields("shares");
  if (inner === undefined && matches.length === 0) fields.refuse("FIELD_REQUIRED", "shares", "is required, or matches");
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
  return {
    shares: Object.fromEntries(shares ?? []) as Release["shares"],
    maxSourceShare,
    ...(matches.length === 0 ? {} : { matches }),
  };
}

/** Reads matches: `- { version: v2, headers: { x-canary: "1" } }`. */
export function matchesOf(fields: Fields, versions: readonly Version[] | undefined): readonly VersionMatch[] {
  return fields.list("matches").map((item) => {
    const version = item.text("version") as Version;
    if (versions !== undefined && version !== "" && !versions.includes(version)) {
      const meant = nearest(version, versions);
      const way = meant === undefined ? "add a destination that runs it" : `did you mean ${meant}?`;
      item.refuse("UNKNOWN_DESTINATION", "version", `${JSON.stringify(version)} runs nowhere; ${way}`);
    }
    const headers = labelsOf(item, "headers");
    if (Object.keys(headers).length === 0)
      item.refuse("EMPTY_SELECTOR", "headers", "names no header; it would match every request");
    for (const name of Object.keys(headers))
      if (!HEADER_NAME.test(name))
        item.refuse(
          "FIELD_INVALID",
          "headers",
          `${JSON.stringify(name)} is no header name; a-z, 0-9 and hyphens are allowed`,
        );
    item.done();
    return { version, headers };
  });
}

const HEADER_NAME = /^[a-z0-9-]{1,63}$/;

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
