/** Longest DNS-1123 label. */
export const NAME_LENGTH_MAX = 63;

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

const RESERVED: readonly string[] = Object.getOwnPropertyNames(Object.prototype);

/** Those that look like names: a list of one or two, because every plan is full of names and each is looked up. */
const RESERVED_LABELS = RESERVED.filter((name) => LABEL.test(name));

/**
 * Why a text is no name for a cluster, version, namespace or operator; undefined when it is one. A name is a DNS-1123
 * label (RFC 1123, as Kubernetes uses it), so that it can stand in subjects, headers, host names and certificates
 * without escaping, and no two names only look different.
 */
export function badName(text: string): string | undefined {
  if (text.length <= NAME_LENGTH_MAX && LABEL.test(text) && !RESERVED_LABELS.includes(text)) return undefined;
  if (text === "") return "is empty";
  if (text.length > NAME_LENGTH_MAX) return `has ${text.length} characters; at most ${NAME_LENGTH_MAX} are allowed`;
  // A few labels name what every JavaScript object has; as keys of our records they would seem to be there always.
  if (RESERVED.includes(text)) return "is reserved";
  return "may only have a-z, 0-9 and '-', and begins and ends with a letter or digit";
}

/** Why a text is no service name; undefined when it is `namespace/name` with two names. */
export function badServiceName(text: string): string | undefined {
  const slash = text.indexOf("/");
  if (slash === -1 || text.includes("/", slash + 1)) return "is not of the form namespace/name";
  const reason = badName(text.slice(0, slash));
  if (reason !== undefined) return `its namespace ${reason}`;
  const nameReason = badName(text.slice(slash + 1));
  return nameReason === undefined ? undefined : `its name ${nameReason}`;
}
