import { badName } from "../model/names.ts";

/** Trust domain of certificates unless the configuration names another. */
export const DEFAULT_TRUST_DOMAIN = "weir";

/** Whom a certificate of the fleet names. */
export type Identity =
  | { readonly kind: "cluster"; readonly name: string }
  | { readonly kind: "operator"; readonly name: string }
  | { readonly kind: "planner"; readonly name: string };

/** The SPIFFE id of an identity: the one place that knows the form of its path. */
export function spiffeId(trustDomain: string, identity: Identity): string {
  const path = identity.kind === "cluster" ? `cluster/${identity.name}/agent` : `${identity.kind}/${identity.name}`;
  return `spiffe://${trustDomain}/${path}`;
}

/** Reads a SPIFFE id; undefined unless it is exactly one that `spiffeId` makes in this trust domain. */
export function identityOf(trustDomain: string, uri: string): Identity | undefined {
  const prefix = `spiffe://${trustDomain}/`;
  if (!uri.startsWith(prefix)) return undefined;
  const [kind, name = "", ...rest] = uri.slice(prefix.length).split("/");
  if (badName(name) !== undefined) return undefined;
  if (kind === "cluster") return rest.length === 1 && rest[0] === "agent" ? { kind, name } : undefined;
  if (kind === "operator" || kind === "planner") return rest.length === 0 ? { kind, name } : undefined;
  return undefined;
}

/**
 * The URIs in a certificate's subject alternative names, as Node prints them (`URI:a, DNS:b`). A value that Node had to
 * quote holds characters that no SPIFFE id has; it is returned with its quotes, so that it matches nothing.
 */
export function uriNames(subjectAltName: string | undefined): readonly string[] {
  const names = (subjectAltName ?? "").split(", ");
  return names.filter((name) => name.startsWith("URI:")).map((name) => name.slice("URI:".length));
}

/**
 * Why a certificate's names are not those of a planner; undefined when they are. For clients: a planner is known by its
 * SPIFFE id, not by the address it was dialled at.
 */
export function notPlanner(trustDomain: string, subjectAltName: string | undefined): string | undefined {
  const uris = uriNames(subjectAltName);
  if (uris.length !== 1) return `the server's certificate has ${uris.length} URI names; a planner's has 1`;
  const identity = identityOf(trustDomain, uris[0] ?? "");
  return identity?.kind === "planner"
    ? undefined
    : `the server's certificate does not name a planner of ${trustDomain}`;
}
