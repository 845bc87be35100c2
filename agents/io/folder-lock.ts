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
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
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
