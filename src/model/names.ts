/** Longest DNS-1123 label. */
export const NAME_LENGTH_MAX = 63;

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** A set, because looking a new text up in an object is dear, and every plan is full of names. */
const RESERVED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/**
 * Why a text is no name for a cluster, version, namespace or operator; undefined when it is one. A name is a DNS-1123
 * label (RFC 1123, as Kubernetes uses it), so that it can stand in subjects, headers, host names and certificates
 * without escaping, and no two names only look different.
 */
export function badName(text: string): string | undefined {
  if (text === "") return "is empty";
  if (text.length > NAME_LENGTH_MAX) return `has ${text.length} characters; at most ${NAME_LENGTH_MAX} are allowed`;
  // A few labels name what every JavaScript object has; as keys of our records they would seem to be there always.
  if (RESERVED.has(text)) return "is reserved";
  if (LABEL.test(text)) return undefined;
  return "may only have a-z, 0-9 and '-', and begins and ends with a letter or digit";
}

/** Why a text is no service name; undefined when it is `namespace/name` with two names. */
export function badServiceName(text: string): string | undefined {
  const parts = text.split("/");
  if (parts.length !== 2) return "is not of the form namespace/name";
  const [namespace = "", name = ""] = parts;
  const reason = badName(namespace);
  if (reason !== undefined) return `its namespace ${reason}`;
  const nameReason = badName(name);
  return nameReason === undefined ? undefined : `its name ${nameReason}`;
}
