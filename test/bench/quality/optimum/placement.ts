import type { Division, Instance } from "../instance.ts";
import { byDistance, startDraft, streamsOf } from "../stream.ts";

/** Requests of one source for one version, and where they may go. */
interface Caller {
  readonly source: number;
  readonly rps: number;
  /** Most of them at one backend. */
  readonly most: number;
  readonly backends: readonly number[];
}

/** Amounts below this share of all requests are rounding. */
const NEGLIGIBLE = 1e-9;

/**
 * A division within limits, whatever it costs; undefined when there is none. Augmenting paths (Edmonds and Karp): what does
 * not fit at first displaces others from where only it may go.
 */
export function placeWithin(instance: Instance, limitsRps: readonly number[]): Division | undefined {
  const callers = callersOf(instance);
  const flows = callers.map(() => new Map<number, number>());
  const room = [...limitsRps];
  for (const [at, { rps }] of callers.entries()) {
    let left = rps;
    while (left > NEGLIGIBLE * instance.totalRps) {
      const path = pathFrom(callers, flows, { room, from: at });
      if (path === undefined) return undefined;
      const amount = Math.min(left, path.amount);
      for (const { caller, backend, sign } of path.moves) {
        flows[caller]?.set(backend, (flows[caller].get(backend) ?? 0) + sign * amount);
      }
      room[path.end] = (room[path.end] ?? 0) - amount;
      left -= amount;
    }
  }
  const draft = startDraft(instance);
  for (const [at, { source }] of callers.entries()) {
    for (const [backend, rps] of flows[at] ?? []) if (rps > 0) draft.add(source, backend, rps);
  }
  return draft.division;
}

function callersOf(instance: Instance): readonly Caller[] {
  return streamsOf(instance).flatMap((stream) =>
    stream.demandRps.flatMap((rps, source) => {
      const backends = byDistance(instance, stream, source);
      const most = instance.maxShare * (instance.demandRps[source] ?? 0);
      return rps === 0 || backends.length === 0 ? [] : [{ source, rps, most, backends }];
    }),
  );
}

interface Move {
  readonly caller: number;
  readonly backend: number;
  readonly sign: 1 | -1;
}

interface Path {
  readonly moves: readonly Move[];
  readonly end: number;
  readonly amount: number;
}

interface Search {
  readonly room: readonly number[];
  readonly from: number;
}

/** The shortest way for more of a caller's requests to a backend with room, over callers that make way for them. */
function pathFrom(
  callers: readonly Caller[],
  flows: readonly ReadonlyMap<number, number>[],
  search: Search,
): Path | undefined {
  const waiting = [{ caller: search.from, moves: new Array<Move>(), amount: Number.POSITIVE_INFINITY }];
  const seen = new Set<number>();
  for (const { caller, moves, amount } of waiting) {
    const { backends = [], most = 0 } = callers[caller] ?? {};
    for (const backend of backends) {
      const spare = Math.min(amount, most - (flows[caller]?.get(backend) ?? 0));
      if (seen.has(backend) || spare <= 0) continue;
      seen.add(backend);
      const here: Move[] = [...moves, { caller, backend, sign: 1 }];
      const room = search.room[backend] ?? 0;
      if (room > 0) return { moves: here, end: backend, amount: Math.min(spare, room) };
      for (const [other, flow] of flows.entries()) {
        const held = flow.get(backend) ?? 0;
        if (held <= 0 || other === caller) continue;
        waiting.push({
          caller: other,
          moves: [...here, { caller: other, backend, sign: -1 }],
          amount: Math.min(spare, held),
        });
      }
    }
  }
  return undefined;
}
