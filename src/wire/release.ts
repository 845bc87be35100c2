import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Release as ReleaseMessage,
  ReleaseSchema,
  VersionMatch as VersionMatchMessage,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { Release, VersionMatch } from "../model/fleet-document.ts";
import type { Version } from "../model/ids.ts";
import type { Checks } from "./checks.ts";
import { sortedFields } from "./cluster-view.ts";
import { quote } from "./quote.ts";

/** What runs of a service. */
interface Running {
  readonly stableVersion: Version;
  readonly versions: readonly Version[];
}

/** Reads a release. Undefined when it gives nobody anything, so that it has one form. */
export function releaseOf(
  checks: Checks,
  field: string,
  message: ReleaseMessage | undefined,
  running: Running,
): Release | undefined {
  if (message === undefined) return undefined;
  const at = `${field}.share_weights`;
  const most = checks.weight(`${field}.max_source_weight`, message.maxSourceWeight || WEIGHT_TOTAL, 1);
  const weights = Object.entries(sortedFields(message.shareWeights)).map(([key, weight]) => {
    const version = checks.label<Version>(`${at} key`, key);
    refuseVersion(checks, `${at}[${key.slice(0, 63)}]`, { version, ...running });
    return [version, checks.weight(`${at}[${key.slice(0, 63)}]`, weight)] as const;
  });
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  if (sum > WEIGHT_TOTAL) checks.refuse("WEIGHTS_SUM", at, `sum to ${sum}; at most ${WEIGHT_TOTAL} is allowed`);
  const over = weights.find(([, weight]) => weight > most);
  if (over !== undefined) {
    const why = `is ${most}, but ${over[0]} shall get ${over[1]} of all requests; give it at least as much`;
    checks.refuse("FIELD_INVALID", `${field}.max_source_weight`, why);
  }
  const shares = weights
    .filter(([, weight]) => weight > 0)
    .map(([version, weight]) => [version, weight / WEIGHT_TOTAL]);
  const matches = matchesOf(checks, `${field}.matches`, message.matches, running);
  if (shares.length === 0 && matches.length === 0) return undefined;
  return {
    shares: Object.fromEntries(shares) as Release["shares"],
    maxSourceShare: most / WEIGHT_TOTAL,
    ...(matches.length === 0 ? {} : { matches }),
  };
}

const MATCHES_MAX = 16;
const HEADERS_MAX = 8;
const VALUE_LENGTH_MAX = 253;

function matchesOf(
  checks: Checks,
  field: string,
  messages: readonly VersionMatchMessage[],
  { versions }: Running,
): readonly VersionMatch[] {
  if (messages.length > MATCHES_MAX)
    checks.refuse("FIELD_INVALID", field, `has ${messages.length} matches; at most ${MATCHES_MAX} are allowed`);
  return messages.slice(0, MATCHES_MAX).map((message, index) => {
    const at = `${field}[${index}]`;
    const version = checks.label<Version>(`${at}.version`, message.version);
    if (!versions.includes(version))
      checks.refuse(
        "UNKNOWN_DESTINATION",
        `${at}.version`,
        `${quote(version)} is deployed nowhere; deployed are ${versions.join(", ")}`,
      );
    return { version, headers: headersOf(checks, `${at}.match.headers`, message.match?.headers ?? {}) };
  });
}

function headersOf(checks: Checks, field: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(sortedFields(headers));
  if (entries.length === 0) checks.refuse("EMPTY_SELECTOR", field, "names no header; it would match every request");
  if (entries.length > HEADERS_MAX)
    checks.refuse("FIELD_INVALID", field, `has ${entries.length} headers; at most ${HEADERS_MAX} are allowed`);
  for (const [name, value] of entries) {
    if (!/^[a-z0-9-]{1,63}$/.test(name))
      checks.refuse("FIELD_INVALID", field, `${quote(name)} is no header name; a-z, 0-9 and hyphens are allowed`);
    checks.text(`${field}[${name.slice(0, 63)}]`, value, VALUE_LENGTH_MAX);
  }
  return Object.fromEntries(entries);
}

function refuseVersion(
  checks: Checks,
  field: string,
  { version, stableVersion, versions }: Running & { readonly version: Version },
): void {
  if (version === stableVersion)
    checks.refuse("FIELD_INVALID", field, "is the stable version, which gets what the others leave; leave it out");
  else if (!versions.includes(version))
    checks.refuse(
      "UNKNOWN_DESTINATION",
      field,
      `${quote(version)} is deployed nowhere; deployed are ${versions.join(", ")}`,
    );
}

/** A release in the wire's form. */
export function toRelease({ shares, maxSourceShare, matches = [] }: Release): MessageInitShape<typeof ReleaseSchema> {
  const weights = Object.entries(sortedFields(shares)).map(([version, share]) => [
    version,
    Math.round(share * WEIGHT_TOTAL),
  ]);
  return {
    shareWeights: Object.fromEntries(weights) as Record<string, number>,
    maxSourceWeight: Math.round(maxSourceShare * WEIGHT_TOTAL),
    matches: matches.map(({ version, headers }) => ({ version, match: { headers: sortedFields(headers) } })),
  };
}
