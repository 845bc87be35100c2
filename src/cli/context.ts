import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { readContexts, writeContexts } from "./contexts.ts";
import type { Context, Contexts } from "./contexts.ts";
import { misused } from "./failure.ts";
import { duration } from "./notation.ts";
import type { Session } from "./session.ts";
import { table } from "./table.ts";

/** `weir context list|use|delete` */
export function addContextCommands(program: Command, session: Session): void {
  const context = program.command("context").description("choose between planners that you logged in to");
  addList(context, session);
  addUse(context, session);
  addDelete(context, session);
}

function addList(parent: Command, session: Session): void {
  parent
    .command("list")
    .alias("ls")
    .description("list contexts; * marks the current one")
    .action(async (_options: unknown, command: Command) => {
      const contexts = await readContexts(session.environment.folder);
      const rows = await Promise.all(contexts.contexts.map(async (context) => rowOf(context, contexts)));
      const lines = (): readonly string[] => contextTable(rows);
      session.printValue(command, contexts, lines);
    });
}

function contextTable(rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return ["no contexts yet; make one with: weir login"];
  const titles = ["", "CONTEXT", "PLANNER", "CERTIFICATE"];
  return table(
    titles.map((title) => ({ title })),
    rows,
  );
}

async function rowOf(context: Context, { current }: Contexts): Promise<readonly string[]> {
  const place = context.addresses.join(", ") || `socket ${context.socket ?? "?"}`;
  return [context.name === current ? "*" : "", context.name, place, await certificateWords(context.certificate)];
}

async function certificateWords(path: string | undefined): Promise<string> {
  if (path === undefined) return "";
  try {
    const leftMs = new X509Certificate(await readFile(path)).validToDate.getTime() - Date.now();
    return leftMs > 0 ? `valid for ${duration(leftMs)}` : "expired; run weir login";
  } catch {
    // A list of contexts must not fail because one of them is broken: the row says so.
    return `${path} cannot be read; run weir login`;
  }
}

function addUse(parent: Command, session: Session): void {
  parent
    .command("use")
    .description("make a context the current one")
    .argument("<name>")
    .action(async (name: string) => {
      const { folder } = session.environment;
      const contexts = await known(name, folder);
      await writeContexts(folder, { ...contexts, current: name });
      session.terminal.out(`using ${name}`);
    });
}

function addDelete(parent: Command, session: Session): void {
  parent
    .command("delete")
    .description("forget a context; its files stay")
    .argument("<name>")
    .action(async (name: string) => {
      const { folder } = session.environment;
      const { current, contexts } = await known(name, folder);
      const left = contexts.filter((context) => context.name !== name);
      await writeContexts(folder, { current: current === name ? (left[0]?.name ?? "") : current, contexts: left });
      session.terminal.out(`context ${name} is forgotten`);
    });
}

async function known(name: string, folder: string): Promise<Contexts> {
  const contexts = await readContexts(folder);
  if (contexts.contexts.some((context) => context.name === name)) return contexts;
  const names = contexts.contexts.map((context) => context.name).join(", ") || "none";
  throw misused(`there is no context ${JSON.stringify(name)}; known: ${names}`);
}
