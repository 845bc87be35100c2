import { describe, expect, it } from "vitest";
import { AgentStream } from "../../../src/io/grpc/push/agent-stream.ts";
import { createGate } from "../../../src/io/grpc/push/gate.ts";
import { createRouteSetBytes } from "../../../src/io/grpc/push/route-set-bytes.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { EMPTY_SERVICE } from "../../bench/service-spec.ts";
import { SmallEngine } from "./small-engine.ts";

const ACK_DEADLINE_MS = 60_000;

/** Streams of two clusters at a gate for one, each with a plan to send and a reader that never reads. */
function twoStreams() {
  const engine = new SmallEngine();
  engine.fold({ kind: "service-applied", spec: { ...EMPTY_SERVICE, service: "shop/a" as ServiceId } });
  const gate = createGate({ widthMax: 1, perTurnMax: 10 });
  const bytesOf = createRouteSetBytes();
  const sent: string[] = [];
  const overdue: string[] = [];
  const streams = ["c1", "c2"].map((cluster) => {
    engine.release(cluster, "shop/a", 8080);
    const hello = { cluster: cluster as ClusterId, uid: "u", bootId: "b", agentVersion: "1" };
    return new AgentStream(
      { ...hello, hashes: new Map(), features: [] },
      {
        gate,
        bytesOf,
        publishable: () => engine.state(),
        write: () => void sent.push(cluster),
        onSent: () => undefined,
        onAcknowledged: () => undefined,
        onOverdue: () => void overdue.push(cluster),
        ackDeadlineMs: ACK_DEADLINE_MS,
      },
    );
  });
  for (const stream of streams) stream.wake();
  const [first, second] = streams;
  if (first === undefined || second === undefined) throw new Error("two streams");
  return { first, second, sent, overdue, startedMs: performance.now() };
}

describe("an agent's stream", () => {
  it("leaves the gate to others when its reader has not read for a second", () => {
    const { first, sent, startedMs } = twoStreams();
    expect(sent).toEqual(["c1"]);
    first.tend(startedMs + 500);
    expect(sent).toEqual(["c1"]);
    first.tend(startedMs + 1_000);
    expect(sent).toEqual(["c1", "c2"]);
  });

  it("leaves the gate when it is closed", () => {
    const { first, sent } = twoStreams();
    first.close();
    expect(sent).toEqual(["c1", "c2"]);
  });

  it("says once that no acknowledgement came in time, and nothing after its end", () => {
    const { first, second, overdue, startedMs } = twoStreams();
    first.tend(startedMs + ACK_DEADLINE_MS / 2);
    expect(overdue).toEqual([]);
    first.tend(startedMs + ACK_DEADLINE_MS);
    first.tend(startedMs + 2 * ACK_DEADLINE_MS);
    expect(overdue).toEqual(["c1"]);
    second.close();
    second.tend(startedMs + 2 * ACK_DEADLINE_MS);
    expect(overdue).toEqual(["c1"]);
  });
});
