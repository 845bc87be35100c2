/** The name of a member cluster, unique in the fleet: a DNS-1123 label. */
export type ClusterId = string & { readonly __brand: "ClusterId" };

/** The fleet-wide name of a service, `namespace/name`, each part a DNS-1123 label. */
export type ServiceId = string & { readonly __brand: "ServiceId" };

/** The name of one version (subset) of a service: a DNS-1123 label. */
export type Version = string & { readonly __brand: "Version" };

/** Names one shift for ever. */
export type ShiftId = string & { readonly __brand: "ShiftId" };

/** SHA-256 of a route set's canonical bytes, in lower-case hex. */
export type RouteSetHash = string & { readonly __brand: "RouteSetHash" };

/** Who asked: a verified identity such as `operator:ana` or `cluster:eu-west`, never a claim from a body. */
export type Actor = string & { readonly __brand: "Actor" };

/** Orders strings by code unit, the same on every machine and locale. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
