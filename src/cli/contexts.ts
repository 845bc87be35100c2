import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { Fields } from "../io/yaml/fields.ts";
import { readYaml } from "../io/yaml/read.ts";
import { Checks } from "../wire/checks.ts";
import { DEFAULT_TRUST_DOMAIN } from "../wire/spiffe.ts";
import { refused } from "./failure.ts";

/** One planner installation, and who the operator is there. */
export interface Context {
  readonly name: string;
  /** host:port of each replica; empty when only a socket is known. */
  readonly addresses: readonly string[];
  /** Path of the planner's unix socket; used when there are no addresses. */
  readonly socket?: string;
  /** Paths of PEM files: the operator's certificate, its key, and the CA that planners' certificates come from. */
  readonly certificate?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly trustDomain: string;
}

/** Every context that was logged in to, and the one that commands use. */
export interface Contexts {
  readonly current: string;
  readonly contexts: readonly Context[];
}

const FILE = "contexts.yaml";

/** Reads the contexts of a folder; none when nobody logged in yet. Fails with what is wrong in the file. */
export async function readContexts(folder: string): Promise<Contexts> {
  const path = join(folder, FILE);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) return { current: "", contexts: [] };
  const documents = readYaml(bytes, path);
  if (!documents.ok) throw refused(documents.refusal);
  const [document] = documents.value;
  if (document === undefined) return { current: "", contexts: [] };
  const checks = new Checks();
  const contexts = checks.result(contextsOf(new Fields(document, "", { checks, file: path })));
  if (!contexts.ok) throw refused(contexts.refusal);
  return contexts.value;
}

function contextsOf(fields: Fields): Contexts {
  const contexts = { current: fields.optionalText("current") ?? "", contexts: fields.list("contexts").map(contextOf) };
  fields.done();
  return contexts;
}

function contextOf(fields: Fields): Context {
  const paths = (["socket", "certificate", "key", "ca"] as const).map(
    (key) => [key, fields.optionalText(key)] as const,
  );
  const context = {
    name: fields.text("name"),
    addresses: fields.texts("addresses"),
    trustDomain: fields.optionalText("trustDomain") ?? DEFAULT_TRUST_DOMAIN,
    ...Object.fromEntries(paths.filter(([, path]) => path !== undefined)),
  };
  fields.done();
  return context;
}

/** Writes the contexts, readable by their owner alone, all at once or not at all. */
export async function writeContexts(folder: string, contexts: Contexts): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writePrivately(join(folder, FILE), stringify(contexts));
}

/** Writes a file that only its owner can read, all at once or not at all. */
export async function writePrivately(path: string, content: string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, path);
}

/** The contexts with one added or replaced, which becomes the current one. */
export function withContext({ contexts }: Contexts, context: Context): Contexts {
  const others = contexts.filter(({ name }) => name !== context.name);
  const all = [...others, context].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { current: context.name, contexts: all };
}
