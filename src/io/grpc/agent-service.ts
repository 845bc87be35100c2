import type { AgentService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { Clock, Engine } from "../../engine/ports.ts";
import type { ClusterId } from "../../model/ids.ts";
import { ok } from "../../model/result.ts";
import { admitAgent } from "../../planner/membership.ts";
import { readSigningRequest } from "../pki/csr.ts";
import { issue } from "../pki/issue.ts";
import type { Authority } from "../pki/authority.ts";
import type { Logger } from "pino";
import type { Implementation } from "./bind.ts";
import type { Pusher } from "./push/pusher.ts";

/** What issues agents' certificates. */
export interface AgentCertificates {
  readonly engine: Engine;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly log: Logger;
  /** Life of an agent's certificate, in ms. */
  readonly ttlMs: number;
}

/** The agents' API: the plan stream, and new certificates for who has one. */
export function agentService(pusher: Pusher, certificates: AgentCertificates): Implementation<typeof AgentService> {
  return {
    connect: async (stream, call) => pusher.serve(stream, call),
    renewCertificate: async ({ csr }, call) => {
      const { engine, authority, clock, log, ttlMs } = certificates;
      const cluster = call.name as ClusterId;
      const admitted = admitAgent(engine.state(), { cluster, presentedSerial: call.serial });
      if (!admitted.ok) return admitted;
      const request = await readSigningRequest(csr);
      if (!request.ok) return request;
      const { publicKey, ignoredNames } = request.value;
      if (ignoredNames.length > 0) log.warn({ actor: call.actor, ignoredNames }, "names in a signing request ignored");
      // The name is that of the verified peer certificate; nothing the request says can change it.
      const identity = { kind: "cluster" as const, name: call.name };
      const issued = await issue(authority, { identity, publicKey, nowMs: clock.nowMs(), ttlMs });
      const command = {
        kind: "renew-certificate" as const,
        cluster,
        uid: admitted.value.uid ?? "",
        presentedSerial: call.serial,
        serial: issued.serial,
      };
      const envelope = { command, actor: call.actor, requestId: "", requestDigest: "" };
      const committed = await engine.submit(envelope, call.signal);
      if (!committed.ok) return committed;
      return ok({ certificateChainPem: issued.chainPem, caBundlePem: authority.bundlePem });
    },
  };
}
