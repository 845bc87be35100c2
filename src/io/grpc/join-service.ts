import { createHash, timingSafeEqual } from "node:crypto";
import type { JoinRequest, JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { ClusterState } from "../../model/cluster.ts";
import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { decodeJoinToken, TOKEN_INVALID } from "../../wire/join-token.ts";
import { readSigningRequest } from "../pki/csr.ts";
import { issue } from "../pki/issue.ts";
import type { AgentCertificates } from "./agent-service.ts";
import type { Call, Implementation } from "./bind.ts";

/** What joining needs besides certificates. */
export interface JoinOptions extends AgentCertificates {
  /** host:port of each replica's agent listener. */
  readonly agentAddresses: readonly string[];
}

/** A refused token is answered this long after it came, so that the time tells no more than the text. */
const TOKEN_ANSWER_MS = 250;

/** Longest UID; Kubernetes' have 36 characters. */
const UID_LENGTH_MAX = 128;

/** The only thing a cluster without a certificate can do. */
export function joinService(options: JoinOptions): Implementation<typeof JoinService> {
  return {
    join: async (request, call) => {
      const startedAt = options.clock.monotonicMs();
      const joined = await join(request, { call, options });
      if (joined.ok || joined.refusal.code !== "TOKEN_INVALID") return joined;
      await options.clock.sleep(startedAt + TOKEN_ANSWER_MS - options.clock.monotonicMs(), call.signal);
      return refuse(TOKEN_INVALID);
    },
  };
}

async function join(request: JoinRequest, { call, options }: { call: Call; options: JoinOptions }) {
  const { engine, authority, clock, log, ttlMs, agentAddresses } = options;
  const found = await ticketHolder(request.token, { call, options });
  if (!found.ok) return found;
  const { clusterUid } = request;
  if (clusterUid === "" || clusterUid.length > UID_LENGTH_MAX) return refuse(badUid(clusterUid));
  const signing = await readSigningRequest(request.csr);
  if (!signing.ok) return signing;
  const { publicKey, ignoredNames } = signing.value;
  const { cluster } = found.value.spec;
  if (ignoredNames.length > 0) log.warn({ cluster, ignoredNames }, "names in a signing request ignored");
  const identity = { kind: "cluster" as const, name: cluster };
  const issued = await issue(authority, { identity, publicKey, nowMs: clock.nowMs(), ttlMs });
  const secretHash = found.value.token?.secretHash ?? "";
  const publicKeyHash = createHash("sha256").update(publicKey).digest("hex");
  const command = { kind: "redeem-token" as const, secretHash, uid: clusterUid, serial: issued.serial, publicKeyHash };
  // The token is used up in the log before the certificate leaves: of two who have it, one gets in. The request is signed
  // by its key, so that whoever asks again with the key of the first is the first, whose answer was lost.
  const committed = await engine.submit({ command, actor: call.actor, requestId: "", requestDigest: "" }, call.signal);
  if (!committed.ok) return committed;
  return ok({
    cluster,
    certificateChainPem: issued.chainPem,
    caBundlePem: authority.bundlePem,
    plannerAddresses: [...agentAddresses],
  });
}

/** A token made at another replica a moment ago may not be known here yet: it is looked for twice. */
async function ticketHolder(token: string, { call, options }: { call: Call; options: JoinOptions }) {
  const found = clusterOf(token, options);
  if (found.ok) return found;
  await options.clock.sleep(TOKEN_ANSWER_MS / 2, call.signal);
  return clusterOf(token, options);
}

/** The cluster a token was made for, as far as this replica knows. The leader judges again when the token is used up. */
function clusterOf(token: string, { engine, authority }: JoinOptions): Result<ClusterState, Refusal> {
  const ticket = decodeJoinToken(token);
  const { secret, cluster, pin } = ticket.ok ? ticket.value : { secret: "", cluster: "", pin: "" };
  const hash = createHash("sha256").update(secret).digest();
  // Every token is compared, and each in constant time.
  const matches = [...engine.state().clusters.values()].filter(
    (known) => known.token !== undefined && timingSafeEqual(hash, hashBytes(known.token.secretHash)),
  );
  const [found] = matches;
  const fits = ticket.ok && found !== undefined && found.spec.cluster === cluster && pin === authority.pin;
  return fits ? ok(found) : refuse(TOKEN_INVALID);
}

function hashBytes(hex: string): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.write(hex, "hex");
  return bytes;
}

/** Secrets are stored as their hash. */
export function secretHashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function badUid(uid: string): Refusal {
  const message = `has ${uid.length} characters; 1 to ${UID_LENGTH_MAX} are allowed, such as the UID of kube-system`;
  return { code: "FIELD_INVALID", field: "cluster_uid", message };
}
