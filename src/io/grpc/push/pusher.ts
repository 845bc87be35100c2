import type { Logger } from "pino";
import type { Engine } from "../../../engine/ports.ts";
import type { ClusterState } from "../../../model/cluster.ts";
import type { LogRecord } from "../../../model/event.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { Incarnation } from "../../../model/position.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok, refuse } from "../../../model/result.ts";
import type { Result } from "../../../model/result.ts";
import { admitAgent } from "../../../planner/membership.ts";
import { fromAcknowledgement, fromHello } from "../../../wire/link.ts";
import type { AgentHello } from "../../../wire/link.ts";
import type { Metrics } from "../../http/metrics.ts";
import { undecodable } from "../bind.ts";
import type { Call } from "../bind.ts";
import { Undecodable } from "../strange-fields.ts";
import { AgentStream } from "./agent-stream.ts";
import type { Downward } from "./agent-stream.ts";
import type { BusAccess } from "./bus-access.ts";
import { createGate } from "./gate.ts";
import type { Gate } from "./gate.ts";
import { greet } from "./greet.ts";
import { handOutGrants } from "./grants.ts";
import { createRouteSetBytes } from "./route-set-bytes.ts";
import { RulingWatch } from "./ruling-watch.ts";
import type { RulingPolicy } from "./rulings.ts";
import { openSession } from "./session.ts";
import type { Farewell, Heard, PlanStream, Session } from "./session.ts";

/** What a pusher needs. */
export interface PusherOptions {
  readonly engine: Engine;
  readonly bus: BusAccess;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly rulings: RulingPolicy;
  /** How long an agent may take to acknowledge a delta, in ms; it waits for its mesh. */
  readonly ackDeadlineMs: number;
  /** How many streams are written to at the same time; a whole fleet at once would stall the event loop. */
  readonly wave: number;
}

/** One agent on a stream. */
interface Link {
  readonly hello: AgentHello;
  readonly serial: string;
  readonly session: Session;
  readonly stream: AgentStream;
  revision: number | undefined;
  /** Of the state that was judged last. */
  incarnation: Incarnation | undefined;
  /** The cluster as it was when it was found fit to be served; the same value needs no second look. */
  standing: ClusterState | undefined;
}

/** How long an agent may take over its first message, in ms. */
const HELLO_DEADLINE_MS = 10_000;

/** How often deadlines are looked at: an agent is cut, and the gate left, at most this much later than said. */
const TEND_MS = 250;

/** Deltas made in one turn of the event loop: under a ms, so that agents work while the deltas of others are made. */
const SENDS_PER_TURN = 16;

/** Keeps every connected agent's plan in step with the committed state. */
export class Pusher {
  readonly #options: PusherOptions;
  readonly #gate: Gate;
  readonly #bytesOf = createRouteSetBytes();
  readonly #links = new Map<ClusterId, Link>();
  readonly #sessions = new Set<Session>();
  readonly #rulings: RulingWatch;
  readonly #stops: readonly (() => void)[];
  #isShuttingDown = false;

  constructor(options: PusherOptions) {
    this.#options = options;
    this.#gate = createGate({ widthMax: options.wave, perTurnMax: SENDS_PER_TURN });
    this.#rulings = new RulingWatch(options);
    const { engine } = options;
    this.#stops = [
      engine.onCommit((state, record) => {
        this.#serialise(record);
        this.#follow(state);
      }),
      this.#tend(),
      this.#rulings.start(() => [...this.#links.values()].map(({ stream }) => stream)),
      engine.onHaltChange((halted) => {
        if (halted === undefined) this.#catchUp();
      }),
    ];
  }

  /** Watches over what streams wait for. Returns how to stop. */
  #tend(): () => void {
    const timer = setInterval(() => {
      const nowMs = performance.now();
      for (const { stream } of this.#links.values()) stream.tend(nowMs);
    }, TEND_MS).unref();
    return () => clearInterval(timer);
  }

  /** Streams that stayed open through a halt get what was withheld: no commit need come to wake them. */
  #catchUp(): void {
    for (const { stream } of this.#links.values()) stream.wake();
  }

  /** Clusters whose plan stream ends here. */
  clusters(): readonly ClusterId[] {
    return [...this.#links.keys()];
  }

  /** Serves one plan stream until it ends. */
  async serve(stream: PlanStream, call: Call): Promise<Result<void, Refusal>> {
    const session = openSession(stream, call);
    this.#sessions.add(session);
    try {
      const hello = await this.#hello(stream, call, session);
      if (!hello.ok) return await this.#dismiss(session, hello.refusal);
      const farewell = await this.#attend(stream, { hello: hello.value, call, session });
      return farewell?.refusal === undefined ? ok(undefined) : refuse(farewell.refusal);
    } finally {
      this.#sessions.delete(session);
    }
  }

  /** Says SHUTTING_DOWN to every agent, so that it goes elsewhere at once, and takes no new ones. */
  async shutDown(): Promise<void> {
    this.#isShuttingDown = true;
    for (const stop of this.#stops) stop();
    const sessions = [...this.#sessions];
    for (const session of sessions)
      session.end({ code: "SHUTTING_DOWN", detail: "this planner stops; connect elsewhere" });
    await Promise.all(sessions.map(async ({ ended }) => ended));
  }

  async #hello(stream: PlanStream, call: Call, session: Session): Promise<Result<AgentHello, Refusal>> {
    if (this.#isShuttingDown) return refuse({ code: "NO_LEADER", field: "", message: "this planner stops" });
    const first = await firstMessage(stream, session);
    if (first === undefined) {
      return refuse({
        code: "FIELD_REQUIRED",
        field: "hello",
        message: `no hello came within ${HELLO_DEADLINE_MS} ms`,
      });
    }
    if (first instanceof Undecodable) return undecodable(first.reason);
    if ("digest" in first || first.message.case !== "hello") {
      return refuse({ code: "FIELD_REQUIRED", field: "hello", message: "the first message of a stream is a hello" });
    }
    const hello = fromHello(first.message.value);
    if (!hello.ok) return hello;
    const greeted = await greet(hello.value, call, this.#options.engine);
    return greeted.ok ? hello : greeted;
  }

  async #dismiss(session: Session, refusal: Refusal): Promise<Result<void, Refusal>> {
    this.#options.metrics.goodbyes.inc({ code: refusal.code });
    session.end({ code: refusal.code, detail: refusal.message, refusal });
    await session.ended;
    return refuse(refusal);
  }

  async #attend(
    stream: PlanStream,
    { hello, call, session }: { hello: AgentHello; call: Call; session: Session },
  ): Promise<Farewell | undefined> {
    const { engine, log, metrics } = this.#options;
    const link = this.#open(hello, call, session);
    const stopGrants = handOutGrants({ cluster: hello.cluster, session, ...this.#options });
    stream.on("data", (message: Heard) => this.#hear(link, message));
    stream.resume();
    log.info({ cluster: hello.cluster, bootId: hello.bootId, version: hello.agentVersion }, "plan stream opened");
    link.stream.wake();
    // It may have been shut out while its hello was judged.
    this.#check(link, engine.state());
    const farewell = await session.ended;
    stopGrants();
    link.stream.close();
    metrics.agentStreams.dec();
    if (this.#links.get(hello.cluster) === link) {
      this.#links.delete(hello.cluster);
      engine.noteStream(hello.cluster, "closed");
    }
    if (farewell !== undefined) metrics.goodbyes.inc({ code: farewell.code });
    log.info({ cluster: hello.cluster, bootId: hello.bootId, code: farewell?.code ?? "LEFT" }, "plan stream closed");
    return farewell;
  }

  #open(hello: AgentHello, call: Call, session: Session): Link {
    const { engine, metrics } = this.#options;
    const older = this.#links.get(hello.cluster);
    const stream = new AgentStream(hello, this.#ports(session, hello.cluster));
    const link: Link = {
      hello,
      serial: call.serial,
      session,
      stream,
      revision: undefined,
      incarnation: undefined,
      standing: undefined,
    };
    this.#links.set(hello.cluster, link);
    metrics.agentStreams.inc();
    engine.noteStream(hello.cluster, "open");
    // Same identity, same cluster UID: a restarted agent, or a new instance, takes over.
    const sameBoot = older?.hello.bootId === hello.bootId;
    const detail = sameBoot ? "the same agent connected again" : "a newer agent of this cluster took over";
    older?.session.end({ code: "TAKEN_OVER", detail });
    return link;
  }

  #ports(session: Session, cluster: ClusterId) {
    const { engine, metrics, ackDeadlineMs, log } = this.#options;
    return {
      gate: this.#gate,
      bytesOf: this.#bytesOf,
      publishable: () => (engine.halted() === undefined ? engine.state() : undefined),
      write: (message: Downward, flushed: () => void) => session.write(message, flushed),
      onSent: () => metrics.plansPushed.inc(),
      onAcknowledged: (afterMs: number) => metrics.pushSeconds.observe(afterMs / 1_000),
      onOverdue: () => {
        log.warn({ cluster, ackDeadlineMs }, "agent does not acknowledge");
        const message = `no acknowledgement within ${ackDeadlineMs} ms; connect again`;
        session.end({
          code: "ACK_OVERDUE",
          detail: message,
          refusal: { code: "APPLY_TIMEOUT", field: "acknowledgement", message },
        });
      },
      ackDeadlineMs,
    };
  }

  #hear(link: Link, message: Heard): void {
    const heard = this.#understand(link, message);
    if (heard.ok) return;
    this.#options.log.warn({ cluster: link.hello.cluster, ...heard.refusal }, "agent message refused");
    link.session.end({ code: heard.refusal.code, detail: heard.refusal.message, refusal: heard.refusal });
  }

  #understand({ stream, hello }: Link, message: Heard): Result<void, Refusal> {
    if (message instanceof Undecodable) return undecodable(message.reason);
    if ("digest" in message) return stream.acknowledge(message);
    const { message: said } = message;
    if (said.case === "resync") return ok(stream.resync());
    if (said.case !== "acknowledgement") {
      return refuse({
        code: "DECODE",
        field: "message",
        message: "only acknowledgements and resyncs follow the hello",
      });
    }
    const acknowledgement = fromAcknowledgement(said.value);
    if (!acknowledgement.ok) return acknowledgement;
    for (const { code, service, detail } of acknowledgement.value.refusals) {
      this.#options.metrics.plansRefused.inc({ code: PLAIN_CODE.test(code) ? code : "OTHER" });
      this.#options.log.warn({ cluster: hello.cluster, service, code, detail }, "agent refused a route set");
    }
    return stream.acknowledge(acknowledgement.value);
  }

  /** Route sets are stored before they are released: made into bytes now, they hold nothing up when it counts. */
  #serialise({ events }: LogRecord): void {
    if (this.#links.size === 0) return;
    const stored = events.flatMap((event) =>
      event.kind === "route-sets-stored" ? Object.values(event.routeSets) : [],
    );
    for (const routeSet of stored) this.#bytesOf(routeSet);
  }

  /** After each record: ends the streams of those who were shut out, wakes those whose plan moved. */
  #follow(state: FleetState): void {
    for (const link of this.#links.values()) this.#check(link, state);
  }

  #check(link: Link, state: FleetState): void {
    const { cluster } = link.hello;
    const standing = state.clusters.get(cluster);
    if (standing === undefined || standing !== link.standing) {
      const admitted = admitAgent(state, { cluster, presentedSerial: link.serial });
      if (!admitted.ok) return this.#shutOut(link, admitted.refusal);
      link.standing = standing;
    }
    const revision = state.revisions.get(cluster);
    // A recovered log is news for everybody, also where no route changed.
    if (revision === link.revision && state.incarnation === link.incarnation) return undefined;
    link.revision = revision;
    link.incarnation = state.incarnation;
    return link.stream.wake();
  }

  #shutOut({ session, hello }: Link, refusal: Refusal): void {
    // A cluster that was unregistered is as little known as one that was revoked.
    const code = refusal.code === "UNKNOWN_CLUSTER" ? "REVOKED" : refusal.code;
    this.#options.log.warn({ cluster: hello.cluster, code }, "agent shut out");
    session.end({ code, detail: refusal.message, refusal: { ...refusal, code } });
  }
}

/** Codes of agents become metric labels only in the form that codes have. */
const PLAIN_CODE = /^[A-Z][A-Z_]{1,40}$/;

async function firstMessage(stream: PlanStream, session: Session): Promise<Heard | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), HELLO_DEADLINE_MS).unref();
    stream.once("data", (message: Heard) => {
      clearTimeout(timer);
      // What comes before the hello was judged waits in the stream.
      stream.pause();
      resolve(message);
    });
    void session.ended.then(() => resolve(undefined));
  });
}
