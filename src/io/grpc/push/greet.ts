import type { Engine } from "../../../engine/ports.ts";
import type { ClusterState } from "../../../model/cluster.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok, refuse } from "../../../model/result.ts";
import type { Result } from "../../../model/result.ts";
import { admitAgent } from "../../../planner/membership.ts";
import type { AgentHello } from "../../../wire/link.ts";
import type { Call } from "../bind.ts";

/** How long a replica may take to learn of a certificate that another one has just issued. */
const CATCH_UP_MS = 2_000;

/** How long the log may take to note a changed hello before an agent that is known already is served without. */
const NOTE_MS = 5_000;

/**
 * Lets an agent in: its hello must fit its certificate, the fleet must have accepted it, and what it says of itself is
 * noted in the log when it changed. Refuses IDENTITY_MISMATCH, REVOKED, NOT_ACCEPTED, IDENTITY_CLONED,
 * STORE_ROLLED_BACK.
 *
 * An agent that is active already gets in without the log: a planner without a leader still hands out its plan.
 */
export async function greet(hello: AgentHello, call: Call, engine: Engine): Promise<Result<void, Refusal>> {
  if (hello.cluster !== call.name) return refuse(mismatch(hello.cluster, call.name));
  const admitted = await admission(engine, { cluster: hello.cluster, presentedSerial: call.serial }, call.signal);
  if (!admitted.ok) return admitted;
  if (hello.held !== undefined) {
    const rolledBack = await engine.witness(hello.cluster, hello.held, call.signal);
    if (rolledBack !== undefined) return refuse(rolledBack);
  }
  if (!tellsNews(admitted.value, hello)) return ok(undefined);
  const noted = await note(hello, call, engine);
  // Another UID is a copied key: deciding it shuts out both, which only the state after it shows.
  const after = admitAgent(engine.state(), { cluster: hello.cluster, presentedSerial: call.serial });
  if (!after.ok) return after;
  if (noted.ok || (after.value.membership === "active" && after.value.uid === hello.uid)) return ok(undefined);
  return noted;
}

/** The certificate may be newer than this replica's state: it waits a moment before it says no. */
async function admission(
  engine: Engine,
  agent: { readonly cluster: ClusterId; readonly presentedSerial: string },
  signal: AbortSignal,
): Promise<Result<ClusterState, Refusal>> {
  const judge = (): Result<ClusterState, Refusal> => admitAgent(engine.state(), agent);
  const mayBeNews = (state: FleetState): boolean => {
    const issued = state.clusters.get(agent.cluster)?.issuedSerials ?? [];
    const revoked = state.clusters.get(agent.cluster)?.revokedSerials ?? [];
    return !issued.includes(agent.presentedSerial) && !revoked.includes(agent.presentedSerial);
  };
  if (!judge().ok && mayBeNews(engine.state())) {
    await until(engine, (state) => !mayBeNews(state), AbortSignal.any([signal, AbortSignal.timeout(CATCH_UP_MS)]));
  }
  return judge();
}

/** Resolves once a committed state satisfies the condition, or when the signal ends. */
async function until(engine: Engine, holds: (state: FleetState) => boolean, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = engine.onCommit((state) => {
      if (holds(state)) end();
    });
    function end(): void {
      stop();
      resolve();
    }
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted || holds(engine.state())) end();
  });
}

function tellsNews(known: ClusterState, hello: AgentHello): boolean {
  const gateway = known.spec.gateway ?? hello.gateway;
  return (
    known.membership !== "active" ||
    known.uid !== hello.uid ||
    known.gateway?.address !== gateway?.address ||
    known.gateway?.port !== gateway?.port ||
    known.maxDestinations !== hello.maxDestinations ||
    known.features.toSorted().join() !== [...new Set(hello.features)].toSorted().join()
  );
}

async function note(hello: AgentHello, call: Call, engine: Engine): Promise<Result<unknown, Refusal>> {
  const { cluster, uid, features, gateway, maxDestinations } = hello;
  const command = {
    kind: "greet-cluster" as const,
    cluster,
    uid,
    serial: call.serial,
    features,
    ...(gateway === undefined ? {} : { gateway }),
    ...(maxDestinations === undefined ? {} : { maxDestinations }),
  };
  try {
    return await engine.submit(
      {
        command,
        actor: call.actor,
        requestId: "",
        requestDigest: "",
      },
      AbortSignal.any([call.signal, AbortSignal.timeout(NOTE_MS)]),
    );
  } catch (error) {
    if (call.signal.aborted) throw error;
    const message = "the log did not answer in time; try again";
    return refuse({ code: "NO_LEADER", field: "", message });
  }
}

function mismatch(said: string, name: string): Refusal {
  const message = `the hello says ${JSON.stringify(said.slice(0, 80))}, the certificate ${name}; an agent speaks for its own cluster only`;
  return { code: "IDENTITY_MISMATCH", field: "hello.cluster", message };
}
