import { open } from "node:fs/promises";
import { stdin } from "node:process";
import { BYTES_MAX } from "../io/yaml/limits.ts";
import { readYaml } from "../io/yaml/read.ts";
import type { YamlValue } from "../io/yaml/value.ts";
import { misused, refused } from "./failure.ts";

/** Reads the documents of a file, or of standard input for `-`. Never holds more than a reader would take. */
export async function readInput(
  path: string,
): Promise<{ readonly file: string; readonly documents: readonly YamlValue[] }> {
  const file = path === "-" ? "stdin" : path;
  const bytes = path === "-" ? await drained(stdin) : await contentOf(path);
  const documents = readYaml(bytes, file);
  if (!documents.ok) throw refused(documents.refusal);
  return { file, documents: documents.value };
}

async function contentOf(path: string): Promise<Uint8Array> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw misused(`${path} cannot be read: ${error.code ?? error.message}`);
  });
  try {
    if ((await handle.stat()).isDirectory()) throw misused(`${path} is a folder; name a file`);
    return await drained(handle.createReadStream({ autoClose: false }));
  } finally {
    await handle.close();
  }
}

/** One byte more than the limit is enough to know that there are too many. */
async function drained(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > BYTES_MAX) break;
  }
  return Buffer.concat(chunks);
}
