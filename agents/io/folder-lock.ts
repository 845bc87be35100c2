import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { mkdir } from "node:fs/promises";

/** Holds a folder for this process; two agents on one folder would write each other's plans. */
export interface FolderLock {
  release(): Promise<void>;
}

/** Takes the folder. Throws when another living process has it; a lock whose process is gone is taken over. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "agent.lock");
  const held = await create(path);
  if (!held) {
    const owner = Number(await readFile(path, "utf8").catch(() => ""));
    if (isAlive(owner))
      throw new Error(`${folder} is in use by the agent with process id ${owner}; end that one first`);
    await rm(path, { force: true });
    if (!(await create(path))) throw new Error(`${folder} was taken by another agent just now`);
  }
  return { release: async () => await rm(path, { force: true }) };
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(`${process.pid} ${await startOf("self")}`);
    await file.close();
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
}

/** When a process began, in clock ticks since boot; empty where the system does not say. Ids are used again, this is not. */
async function startOf(pid: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // Field 22 of proc(5); the second field is a name in parentheses that may hold spaces.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // Somebody else's process lives too.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
