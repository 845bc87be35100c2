import type { ClusterState } from "../model/cluster.ts";
import type { Command } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import { compareNames } from "../model/ids.ts";
import type { ClusterId } from "../model/ids.ts";
import { ok } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Refusal } from "../model/refusal.ts";
import { checkClusterSpec, checkGateway, sameGateway } from "./cluster-spec.ts";
import { checkVersion, decided, firstObjection, PASSED, reject } from "./decision.ts";
import type { Check, Decision } from "./decision.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** Longest life of a join token, with a little room for the way from whoever read the clock to here. */
const TOKEN_LIFE_MAX_MS = 3_600_000 + 60_000;

/** Registers a cluster with a token to join by. One whose token ran out unused may be registered again. */
export function registerCluster(state: FleetState, command: Of<"register-cluster">, atMs: number): Decision {
  const { spec, secretHash, expiresAtMs } = command;
  const objection = firstObjection(
    () => checkClusterSpec(spec),
    () => checkIsFree(state, spec.cluster, atMs),
    () => checkToken(secretHash, expiresAtMs - atMs),
  );
  return objection.ok ? decided({ kind: "cluster-registered", spec, secretHash, expiresAtMs }) : objection;
}

function checkIsFree(state: FleetState, cluster: ClusterId, atMs: number): Check {
  const existing = state.clusters.get(cluster);
  if (existing === undefined) return PASSED;
  const isExpired = existing.membership === "registered" && (existing.token?.expiresAtMs ?? 0) <= atMs;
  if (isExpired) return PASSED;
  const message = `cluster ${cluster} is ${existing.membership}; unregister it first, or choose another name`;
  return reject("ALREADY_EXISTS", "cluster.name", message);
}

function checkToken(secretHash: string, lifeMs: number): Check {
  if (!/^[0-9a-f]{64}$/.test(secretHash)) return reject("FIELD_INVALID", "secret_hash", "is no SHA-256 in hex");
  if (lifeMs > 0 && lifeMs <= TOKEN_LIFE_MAX_MS) return PASSED;
  return reject("FIELD_INVALID", "token_ttl_seconds", "a join token lives for 1 to 3600 seconds");
}

/**
 * Uses a join token up for one key. A repeat for the same key by the same cluster is the same use, whose answer was lost:
 * it gets another certificate, until the agent has shown itself. Whatever else is wrong with a token, the answer is the
 * same, so that trying tells nothing: unknown, used, expired, or presented by another cluster than it was made for.
 */
export function redeemToken(state: FleetState, command: Of<"redeem-token">, atMs: number): Decision {
  const found = [...state.clusters.values()].find(({ token }) => token?.secretHash === command.secretHash);
  if (found !== undefined && isAlive(found, atMs)) {
    const { cluster } = found.spec;
    const { uid, serial, publicKeyHash } = command;
    const key = publicKeyHash === undefined ? {} : { publicKeyHash };
    if (isRedeemable(found, uid)) return decided({ kind: "token-redeemed", cluster, uid, serial, ...key });
    if (isRepeat(found, command)) return decided({ kind: "certificate-renewed", cluster, serial });
  }
  const message =
    "the join token is not valid for this cluster (unknown, used, expired, or made for another); register anew";
  return reject("TOKEN_INVALID", "token", message);
}

function isAlive({ token }: ClusterState, atMs: number): boolean {
  return token !== undefined && token.expiresAtMs > atMs;
}

function isRedeemable({ spec, token, membership }: ClusterState, uid: string): boolean {
  if (membership !== "registered" || token?.redeemedAtMs !== undefined || uid === "") return false;
  return spec.expectedUid === undefined || spec.expectedUid === uid;
}

/** Whoever has the key has the certificate's power already: to the token alone this gives nothing. */
function isRepeat(known: ClusterState, { uid, publicKeyHash }: Of<"redeem-token">): boolean {
  const isWaiting = known.membership === "pending" || known.membership === "accepted";
  const isSame = publicKeyHash !== undefined && publicKeyHash === known.token?.redeemedForKey && uid === known.uid;
  return isWaiting && isSame && !known.isQuarantined;
}

/** The second right beside the token: lets a pending cluster connect. */
export function acceptCluster(state: FleetState, command: Of<"accept-cluster">): Decision {
  const found = findCluster(state, command.cluster);
  if (!found.ok) return found;
  const { membership, resourceVersion } = found.value;
  const version = checkVersion(`cluster ${command.cluster}`, resourceVersion, command.expectedResourceVersion);
  if (!version.ok) return version;
  if (membership === "accepted" || membership === "active") return decided();
  if (membership === "pending") return decided({ kind: "cluster-accepted", cluster: command.cluster });
  const way =
    membership === "registered" ? "its agent has to join with the token first" : "unregister and register it anew";
  return reject("CLUSTER_STATE", "cluster", `cluster ${command.cluster} is ${membership}, not pending; ${way}`);
}

/**
 * An agent connects. The same identity from another cluster UID is a copied key: that is decided, not refused, because
 * both have to be shut out (`cluster-quarantined`); whoever asked looks at the state that follows.
 */
export function greetCluster(state: FleetState, command: Of<"greet-cluster">): Decision {
  const admitted = admitAgent(state, { ...command, presentedSerial: command.serial });
  if (!admitted.ok) return admitted;
  const { cluster, gateway, features, maxDestinations } = command;
  const before = admitted.value;
  if (before.uid !== command.uid) return quarantined(before, command.uid);
  if (gateway !== undefined) {
    const objection = checkGateway(gateway, "gateway");
    if (!objection.ok) return objection;
  }
  const sorted = [...new Set(features)].toSorted(compareNames);
  const isSame =
    sameGateway(before.gateway, before.spec.gateway ?? gateway) &&
    sorted.join() === before.features.join() &&
    maxDestinations === before.maxDestinations;
  if (before.membership === "active" && isSame) return decided();
  return decided({
    kind: "cluster-greeted",
    cluster,
    features: sorted,
    ...(gateway === undefined ? {} : { gateway }),
    ...(maxDestinations === undefined ? {} : { maxDestinations }),
  });
}

/** A new certificate for an agent that proved the one it has. From another UID: quarantine, as in `greetCluster`. */
export function renewCertificate(state: FleetState, command: Of<"renew-certificate">): Decision {
  const admitted = admitAgent(state, command);
  if (!admitted.ok) return admitted;
  if (admitted.value.uid !== command.uid) return quarantined(admitted.value, command.uid);
  return decided({ kind: "certificate-renewed", cluster: command.cluster, serial: command.serial });
}

/** Shuts out every agent of an identity that was seen twice. */
export function quarantineCluster(state: FleetState, command: Of<"quarantine-cluster">): Decision {
  const found = findCluster(state, command.cluster);
  if (!found.ok) return found;
  if (found.value.isQuarantined) return decided();
  return decided({ kind: "cluster-quarantined", cluster: command.cluster, detail: command.detail });
}

function quarantined({ spec, uid }: ClusterState, otherUid: string): Decision {
  const detail = `the identity of ${spec.cluster} was used by cluster UID ${JSON.stringify(otherUid.slice(0, 128))}, but it joined with ${JSON.stringify(uid)}`;
  return decided({ kind: "cluster-quarantined", cluster: spec.cluster, detail });
}

/** An agent as its verified certificate shows it. */
export interface Agent {
  readonly cluster: ClusterId;
  readonly presentedSerial: string;
}

/**
 * Whether an agent with this certificate may speak for the cluster. Refuses UNKNOWN_CLUSTER, REVOKED, IDENTITY_CLONED,
 * NOT_ACCEPTED.
 */
export function admitAgent(state: FleetState, { cluster, presentedSerial }: Agent): Result<ClusterState, Refusal> {
  const found = findCluster(state, cluster);
  if (!found.ok) return found;
  const { membership, isQuarantined, revokedSerials, issuedSerials = [] } = found.value;
  const serial = plainSerial(presentedSerial);
  if (membership === "revoked" || revokedSerials.map(plainSerial).includes(serial)) {
    return reject("REVOKED", "", `cluster ${cluster} is revoked; it has to be unregistered and to join anew`);
  }
  if (!issuedSerials.map(plainSerial).includes(serial)) {
    return reject("REVOKED", "", `the certificate of ${cluster} is not of its present registration; join anew`);
  }
  if (isQuarantined) {
    const message = `the identity of ${cluster} was seen from two clusters; revoke, unregister and register it anew`;
    return reject("IDENTITY_CLONED", "", message);
  }
  if (membership === "accepted" || membership === "active") return found;
  return reject("NOT_ACCEPTED", "", `cluster ${cluster} is ${membership}; an operator has to accept it first`);
}

/** One form of a serial number: libraries differ in case and in leading zeros. */
function plainSerial(serial: string): string {
  return serial
    .toLowerCase()
    .replaceAll(":", "")
    .replace(/^0+(?=.)/, "");
}

/** The cluster, or UNKNOWN_CLUSTER. */
export function findCluster(state: FleetState, cluster: ClusterId, field = "cluster"): Result<ClusterState, Refusal> {
  const found = state.clusters.get(cluster);
  if (found !== undefined) return ok(found);
  return reject(
    "UNKNOWN_CLUSTER",
    field,
    `no cluster is called ${JSON.stringify(cluster.slice(0, 80))}; ${known(state)}`,
  );
}

function known(state: FleetState): string {
  const names = [...state.clusters.keys()].toSorted(compareNames);
  if (names.length === 0) return "none is registered yet";
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `there are ${names.length}: ${shown}, …` : `there are ${shown}`;
}
