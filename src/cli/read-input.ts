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
  const { file, bytes } = await readBytes(path, BYTES_MAX);
  const documents = readYaml(bytes, file);
  if (!documents.ok) throw refused(documents.refusal);
  return { file, documents: documents.value };
}

/** Reads a file, or standard input for `-`, up to one byte more than the limit. */
export async function readBytes(
  path: string,
  bytesMax: number,
): Promise<{ readonly file: string; readonly bytes: Uint8Array }> {
  if (path === "-") return { file: "stdin", bytes: await drained(stdin, bytesMax) };
  return { file: path, bytes: await contentOf(path, bytesMax) };
}

async function contentOf(path: string, bytesMax: number): Promise<Uint8Array> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw misused(`${path} cannot be read: ${error.code ?? error.message}`);
  });
  try {
    if ((await handle.stat()).isDirectory()) throw misused(`${path} is a folder; name a file`);
    return await drained(handle.createReadStream({ autoClose: false }), bytesMax);
  } finally {
    await handle.close();
  }
}

/** One byte more than the limit is enough to know that there are too many. */
async function drained(stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > bytesMax) break;
  }
  return Buffer.concat(chunks);
}
