import { createHash } from "node:crypto";
import { RecoverRequestSchema } from "../../../../proto/gen/weir/v1/admin_pb.ts";
import type { AdminService, IssueOperatorCertificateRequest } from "../../../../proto/gen/weir/v1/admin_pb.ts";
import type { Engine } from "../../../engine/ports.ts";
import { compareNames } from "../../../model/ids.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Position } from "../../../model/position.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok, refuse } from "../../../model/result.ts";
import { releasedPosition } from "../../../wire/cluster-view.ts";
import { Checks } from "../../../wire/checks.ts";
import { reasonOf } from "../../../wire/cluster.ts";
import { toIncarnation, toPosition, toSequence } from "../../../wire/position.ts";
import { readSigningRequest } from "../../pki/csr.ts";
import { issue } from "../../pki/issue.ts";
import type { Call, Implementation } from "../bind.ts";
import type { OperatorParts } from "./parts.ts";
import { write } from "./write.ts";

const DAY_MS = 86_400_000;
const TTL_DAYS = { min: 1, max: 30 };
const TTL_DAYS_DEFAULT = 7;

/** Operators' identities, and repair of the planner itself. */
export function adminService(parts: OperatorParts): Implementation<typeof AdminService> {
  const { engine } = parts;
  return {
    whoAmI: async (_request, { actor, certificateExpiresAtMs }) =>
      ok({ actor, certificateExpiresAtUnixMs: BigInt(certificateExpiresAtMs), replica: engine.replica }),
    issueOperatorCertificate: async (request, call) => issueCertificate(parts, request, call),
    previewRecovery: async () => {
      const { incarnation, sequence } = engine.state();
      const recovery = recoveryOf(engine);
      return ok({
        incarnation: toIncarnation(incarnation),
        lastSequence: toSequence(sequence),
        witnesses: recovery.witnesses.map(({ cluster, position }) => ({ cluster, position: toPosition(position) })),
        changes: [...recovery.changes],
        digest: recovery.digest,
      });
    },
    recover: async (request, call) => {
      const recovery = recoveryOf(engine);
      const reason = new Checks();
      const text = reasonOf(reason, "reason", request.reason);
      const command = reason.result({
        kind: "recover" as const,
        generation: recovery.generation,
        incarnationId: parts.randomness.id(),
        reason: text,
      });
      if (engine.halted()?.code !== "STORE_ROLLED_BACK") return refuse(NOT_BEHIND);
      if (command.ok && request.digest !== recovery.digest) return refuse(moved(recovery.digest));
      return write(engine, {
        schema: RecoverRequestSchema,
        request,
        command,
        call,
        answer: ({ incarnation }, { sequence }) =>
          ok({ incarnation: toIncarnation(incarnation), sequence: toSequence(sequence) }),
      });
    },
  };
}

/**
 * The first certificate of an operator comes over the unix socket; afterwards operators renew their own. A signing right
 * over others is a matter of roles, which do not exist yet.
 */
async function issueCertificate(parts: OperatorParts, request: IssueOperatorCertificateRequest, call: Call) {
  const { authority, clock, operatorAddresses } = parts;
  const checks = new Checks();
  const name = checks.label("operator", request.operator);
  const ttlDays = checks.integer("ttl_days", request.ttlDays || TTL_DAYS_DEFAULT, TTL_DAYS);
  const checked = checks.result(name);
  if (!checked.ok) return checked;
  if (call.name !== "" && call.name !== name) return refuse(notYours(name, call.name));
  const signing = await readSigningRequest(request.csr);
  if (!signing.ok) return signing;
  const identity = { kind: "operator" as const, name };
  const { publicKey } = signing.value;
  const issued = await issue(authority, { identity, publicKey, nowMs: clock.nowMs(), ttlMs: ttlDays * DAY_MS });
  return ok({
    certificateChainPem: issued.chainPem,
    caBundlePem: authority.bundlePem,
    operatorAddresses: [...operatorAddresses],
  });
}

function notYours(name: string, own: string): Refusal {
  const message = `you are ${own} and may renew your own certificate only; one for ${name} is issued over the planner's unix socket`;
  return { code: "IDENTITY_MISMATCH", field: "operator", message };
}

interface Recovery {
  readonly generation: number;
  readonly witnesses: readonly { readonly cluster: ClusterId; readonly position: Position }[];
  readonly changes: readonly string[];
  readonly digest: string;
}

/** What agents remember of the log, against the log. */
function recoveryOf(engine: Engine): Recovery {
  const state = engine.state();
  const reported = [...engine.reports()].flatMap(([cluster, { applied }]) =>
    applied === undefined ? [] : [[cluster, applied] as const],
  );
  // Whose reports do not come through may still have said it in a hello.
  const witnesses = [...new Map([...engine.witnesses(), ...reported])]
    .map(([cluster, position]) => ({ cluster, position }))
    .toSorted((a, b) => compareNames(a.cluster, b.cluster));
  const generations = witnesses.map(({ position }) => position.incarnation.generation);
  const generation = Math.max(state.incarnation.generation, ...generations) + 1;
  const changes = witnesses.map(({ cluster, position }) => {
    const told = releasedPosition(state, cluster);
    return `${cluster}: holds ${words(position)}; will be told ${words({ ...told, incarnation: { generation, id: "" } })}`;
  });
  const digest = createHash("sha256")
    .update(JSON.stringify([state.incarnation, state.sequence, witnesses]))
    .digest("hex");
  return { generation, witnesses, changes, digest };
}

function words({ incarnation, epoch, revision }: Position): string {
  return `generation ${incarnation.generation}, epoch ${epoch}, revision ${revision}`;
}

const NOT_BEHIND: Refusal = {
  code: "NOT_RECOVERABLE",
  field: "",
  message: "the log is not behind any agent; there is nothing to recover from",
};

function moved(digest: string): Refusal {
  const message = `what a recovery would change moved since the preview; look again (its digest is ${digest} now)`;
  return { code: "INPUTS_MOVED", field: "digest", message };
}
