import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Readable and writable by the owner alone. */
export const PRIVATE_MODE = 0o600;

/**
 * Replaces a file so that after a crash or power loss at any moment it holds either the old content or the new, whole:
 * written beside it, synced, renamed over it, and the rename synced too. With `keepAs`, the old file lives on under that
 * name. Throws what the file system throws, with the old file untouched.
 */
export async function replaceFile(
  path: string,
  content: Uint8Array | string,
  options: { readonly keepAs?: string } = {},
): Promise<void> {
  const fresh = `${path}.new`;
  try {
    await writeSynced(fresh, content);
    if (options.keepAs !== undefined) await keep(path, options.keepAs);
    await rename(fresh, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw cause;
  }
}

async function writeSynced(path: string, content: Uint8Array | string): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, "wx", PRIVATE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives the file a second name, in one step, so that there is no moment without the first. */
async function keep(path: string, keepAs: string): Promise<void> {
  const fresh = `${keepAs}.new`;
  await rm(fresh, { force: true });
  try {
    await link(path, fresh);
  } catch (cause) {
    if (isMissing(cause)) return;
    throw cause;
  }
  await rename(fresh, keepAs);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a file that only this user may have written; undefined when there is none. Throws when it belongs to somebody
 * else or others may write it: what it says would be anybody's word.
 */
export async function readTrusted(path: string): Promise<Buffer | undefined> {
  try {
    const { uid, mode } = await stat(path);
    const own = process.getuid?.();
    if (own !== undefined && uid !== own && uid !== 0) throw new Error(`${path} belongs to user ${uid}, not to ${own}`);
    if ((mode & 0o022) !== 0) throw new Error(`${path} may be written by others (mode ${(mode & 0o777).toString(8)})`);
    return await readFile(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

/** Whether an error of the file system says that there is no such file. */
export function isMissing(cause: unknown): boolean {
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === "ENOENT";
}

/** What an error says, in one line. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
