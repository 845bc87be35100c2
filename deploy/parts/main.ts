/** `node deploy/parts/main.ts [name…]`: finds or fetches parts (all of them by default) and prints where they are. */
import { CATALOGUE } from "./catalogue.ts";
import { PartUnavailable } from "./part.ts";
import type { PartName } from "./part.ts";
import { resolvePart } from "./resolve-part.ts";

async function main(asked: readonly string[]): Promise<void> {
  for (const name of asked.length === 0 ? names() : asked) {
    // One at a time, so that what is printed can be followed.
    if (!(await provide(name))) process.exitCode = 1;
  }
}

async function provide(name: string): Promise<boolean> {
  if (!isPartName(name)) return explain(`no such part: ${name} (there are ${names().join(", ")})`);
  try {
    await resolvePart(name, { log: (line) => console.log(line) });
    return true;
  } catch (error) {
    if (error instanceof PartUnavailable) return explain(error.message);
    throw error;
  }
}

function explain(message: string): false {
  console.error(message);
  return false;
}

function names(): readonly PartName[] {
  return Object.keys(CATALOGUE).filter(isPartName);
}

function isPartName(name: string): name is PartName {
  return Object.hasOwn(CATALOGUE, name);
}

await main(process.argv.slice(2));
