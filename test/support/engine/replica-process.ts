// One planner replica as a process of its own, for tests that kill and freeze it. Started by `startReplicaProcess`.
import { registration, startReplica } from "./replica.ts";
import type { ProcessQuestion, ProcessReport } from "./replica-child.ts";

const [url = "", replica = ""] = process.argv.slice(2);
const { engine } = await startReplica({ url, replica });

function tell(report: ProcessReport): void {
  process.send?.(report);
}

engine.onCommit((state) => tellState(state.sequence));
setInterval(() => tellState(engine.state().sequence), 50);
process.on("disconnect", () => process.exit(0));
process.on("message", (question: ProcessQuestion) => void answer(question));

function tellState(sequence: number): void {
  const { epoch, clusters } = engine.state();
  const leader = engine.leader();
  const halted = engine.halted()?.code;
  tell({ kind: "state", sequence, epoch, clusters: [...clusters.keys()], isLeading: leader?.isSelf === true, halted });
}

async function answer({ id, cluster, requestId, timeoutMs }: ProcessQuestion): Promise<void> {
  try {
    const result = await engine.submit(registration(cluster, requestId), AbortSignal.timeout(timeoutMs));
    tell({ kind: "answer", id, outcome: result.ok ? "ok" : result.refusal.code });
  } catch (error) {
    tell({ kind: "answer", id, outcome: `threw ${String(error)}` });
  }
}

tell({ kind: "ready" });
