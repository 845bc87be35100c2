import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stage } from "../bench.ts";
import type { Calls } from "../calls.ts";
import type { Member, NodeProgram, Program } from "../crew.ts";

/** The processes of one act: they all end with it, so that the next finds the machine and the ports free. */
export interface Cast {
  /** The act's own. */
  readonly folder: string;
  readonly envoy: string;
  readonly nats: string;
  start(program: Program): Member;
  startNode(program: NodeProgram): Member & Calls;
  /** Starts an Envoy with this bootstrap. */
  startEnvoy(name: string, bootstrap: string): Member;
  /** SIGKILL to all that still runs. */
  end(): Promise<void>;
}

/** Where the real programs are. */
export interface Programs {
  readonly envoy: string;
  readonly nats: string;
}

/** An empty cast for the act `name`. */
export function castOf(name: string, { crew, folder }: Stage, programs: Programs): Cast {
  const members: Member[] = [];
  const own = join(folder, name);
  mkdirSync(own);
  const tracked = <T extends Member>(member: T): T => {
    members.push(member);
    return member;
  };
  const start = (program: Program): Member => tracked(crew.start({ ...program, name: `${name}-${program.name}` }));
  return {
    folder: own,
    ...programs,
    start,
    startNode: (program) => tracked(crew.startNode({ ...program, name: `${name}-${program.name}` })),
    startEnvoy: (process, bootstrap) => {
      const file = join(own, `${process}.json`);
      writeFileSync(file, bootstrap);
      const args = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
      return start({ name: process, command: programs.envoy, args });
    },
    end: async () => {
      await Promise.all(members.map(async (member) => await member.kill("SIGKILL")));
    },
  };
}
