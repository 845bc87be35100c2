/** Flows that go to some places before others, by index. */
export interface TurnProblem {
  /** Requests per second of each flow. */
  readonly demandsRps: readonly number[];
  /** What each place has room for, rps. */
  readonly roomsRps: readonly number[];
  /** Turn of each place for each flow, the lowest first; undefined: it may not go there. */
  readonly ranks: readonly (readonly (number | undefined)[])[];
  /** Most of each flow at each place, rps. */
  readonly ceilingsRps: readonly (readonly number[])[];
  /** Who finds room before whom in the same turn: the flow's way to a place, ms. */
  readonly costsMs: readonly (readonly number[])[];
}

/** A part of a flow that goes to the places of one turn. */
export interface Turn {
  readonly flow: number;
  /** Undefined: no turn had room for it. */
  readonly rank: number | undefined;
  readonly rps: number;
}

interface Node {
  readonly flow: number;
  readonly rank: number;
  readonly wantedRps: number;
  placedRps: number;
  readonly amounts: number[];
}

/**
 * What of each flow goes to the places of which turn: all first turns before any second, each as much as there is room for in
 * the best arrangement of those before it, too (maximum flow by augmenting paths, turn by turn). So whoever has a part in a
 * later turn has no room left in an earlier one, however the parts are arranged within their turns.
 */
export function takeTurns(problem: TurnProblem): readonly Turn[] {
  const { demandsRps, ranks } = problem;
  const network: Network = { problem, nodes: [], rooms: [...problem.roomsRps], grain: GRAIN * sumOf(demandsRps) };
  const left = [...demandsRps];
  const turns = [...new Set(ranks.flatMap((row) => row.filter((rank) => rank !== undefined)))].toSorted(
    (a, b) => a - b,
  );
  for (const rank of turns)
    for (const flow of nearestFirst(problem, rank, left)) {
      const node: Node = {
        flow,
        rank,
        wantedRps: left[flow] ?? 0,
        placedRps: 0,
        amounts: problem.roomsRps.map(() => 0),
      };
      network.nodes.push(node);
      fill(node, network);
      left[flow] = Math.max(0, (left[flow] ?? 0) - node.placedRps);
    }
  return [
    ...network.nodes.map(({ flow, rank, placedRps }) => ({ flow, rank, rps: placedRps })),
    ...left.map((rps, flow) => ({ flow, rank: undefined, rps })),
  ].filter(({ rps }) => rps > network.grain);
}

/** Less than this share of all requests is rounding. */
const GRAIN = 1e-12;

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

interface Network {
  readonly problem: TurnProblem;
  readonly nodes: Node[];
  /** What is free of each place. */
  readonly rooms: number[];
  readonly grain: number;
}

/** Flows with something left and a place in this turn. */
function nearestFirst(
  { ranks, costsMs, demandsRps }: TurnProblem,
  rank: number,
  left: readonly number[],
): readonly number[] {
  const nearest = (flow: number): number =>
    Math.min(...(costsMs[flow] ?? []).map((cost, place) => (ranks[flow]?.[place] === rank ? cost : Infinity)));
  return [...demandsRps.keys()]
    .filter((flow) => (left[flow] ?? 0) > 0 && ranks[flow]?.includes(rank) === true)
    .map((flow) => ({ flow, cost: nearest(flow) }))
    .toSorted((a, b) => a.cost - b.cost || a.flow - b.flow)
    .map(({ flow }) => flow);
}

function fill(node: Node, network: Network): void {
  while (node.wantedRps - node.placedRps > network.grain) {
    const path = pathFrom(node, network);
    if (path === undefined) return;
    push(node, path, network);
  }
}

/** One more at `to`; where that is full, the next step makes way there. */
interface Step {
  readonly node: Node;
  readonly to: number;
}

/** The shortest way to room: the node itself moves in, and each further one moves on from where the one before it goes. */
function pathFrom(start: Node, network: Network): readonly Step[] | undefined {
  const cameFrom = new Map<number, Step>();
  const reachedAt = new Map<Node, number | undefined>([[start, undefined]]);
  const waiting: Node[] = [start];
  for (const node of waiting) {
    for (const to of network.rooms.keys()) {
      if (cameFrom.has(to) || roomUnder(node, to, network) <= network.grain) continue;
      cameFrom.set(to, { node, to });
      if ((network.rooms[to] ?? 0) > network.grain) return stepsTo(to, { cameFrom, reachedAt });
      for (const other of network.nodes) {
        if (reachedAt.has(other) || (other.amounts[to] ?? 0) <= network.grain) continue;
        reachedAt.set(other, to);
        waiting.push(other);
      }
    }
  }
  return undefined;
}

function roomUnder({ flow, rank, amounts }: Node, to: number, { problem }: Network): number {
  if (problem.ranks[flow]?.[to] !== rank) return 0;
  return (problem.ceilingsRps[flow]?.[to] ?? 0) - (amounts[to] ?? 0);
}

function stepsTo(
  end: number,
  found: {
    readonly cameFrom: ReadonlyMap<number, Step>;
    readonly reachedAt: ReadonlyMap<Node, number | undefined>;
  },
): readonly Step[] {
  const steps: Step[] = [];
  for (let to: number | undefined = end; to !== undefined;) {
    const step = found.cameFrom.get(to);
    if (step === undefined) break;
    steps.unshift(step);
    to = found.reachedAt.get(step.node);
  }
  return steps;
}

function push(start: Node, steps: readonly Step[], network: Network): void {
  const end = steps.at(-1)?.to ?? 0;
  const limits = steps.flatMap(({ node, to }, index) => {
    const before = steps[index - 1];
    const moved = before === undefined ? start.wantedRps - start.placedRps : (node.amounts[before.to] ?? 0);
    return [roomUnder(node, to, network), moved];
  });
  const part = Math.min(network.rooms[end] ?? 0, ...limits);
  for (const [index, { node, to }] of steps.entries()) {
    node.amounts[to] = (node.amounts[to] ?? 0) + part;
    const before = steps[index - 1];
    if (before !== undefined) node.amounts[before.to] = (node.amounts[before.to] ?? 0) - part;
  }
  start.placedRps += part;
  network.rooms[end] = (network.rooms[end] ?? 0) - part;
}
