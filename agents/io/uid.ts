import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readTrusted, replaceFile } from "./durable-file.ts";

const UID_FORM = /^[0-9a-zA-Z-]{8,64}$/;

/**
 * The UID of this cluster: read from its file, or made once and kept. It tells a restarted agent of the same cluster from
 * a copy of its identity somewhere else. Throws on a file that holds no UID: a new one would look like a clone.
 */
export async function clusterUid(folder: string): Promise<string> {
  const path = join(folder, "cluster-uid");
  const stored = await readTrusted(path);
  if (stored === undefined) {
    const uid = randomUUID();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await replaceFile(path, `${uid}\n`);
    return uid;
  }
  const uid = stored.toString("utf8").trim();
  if (!UID_FORM.test(uid)) throw new Error(`${path} holds no cluster UID; restore it, or remove it and join anew`);
  return uid;
}
