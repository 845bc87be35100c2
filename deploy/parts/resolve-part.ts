import { CATALOGUE } from "./catalogue.ts";
import { fetchPart } from "./fetch.ts";
import { findByVariable, findInCache, findOnPath } from "./find.ts";
import type { Found } from "./find.ts";
import { thisHost } from "./host.ts";
import type { Host } from "./host.ts";
import { PartUnavailable } from "./part.ts";
import type { Part, PartDefinition, PartName } from "./part.ts";

export interface ResolveOptions {
  /** Told of every step that takes time, and at the end what is used and why. Nothing is printed without it. */
  readonly log?: (line: string) => void;
  readonly host?: Host;
  readonly definition?: PartDefinition;
}

/**
 * Finds a real program, or fetches it: the binary that its environment variable names → PATH, if new enough → the user's
 * cache folder → the pinned sources. Nothing is installed; what is fetched goes to the cache folder alone.
 *
 * @throws PartUnavailable with all that was tried and the ways to install it. A variable that names a binary which will not do
 *   is such a failure too: whoever set it meant that one.
 */
export async function resolvePart(name: PartName, options: ResolveOptions = {}): Promise<Part> {
  const { log = () => undefined, host = thisHost(), definition = CATALOGUE[name] } = options;
  const tried: string[] = [];
  for (const place of places({ host, definition, log })) {
    // One after the other: each place is looked at only if those before it have nothing.
    const found = await place();
    if ("part" in found) {
      log(found.part.line);
      return found.part;
    }
    tried.push(found.missing);
  }
  throw new PartUnavailable(definition, tried);
}

interface Search {
  readonly host: Host;
  readonly definition: PartDefinition;
  readonly log: (line: string) => void;
}

function places(search: Search): readonly (() => Promise<Found>)[] {
  const { host, definition } = search;
  // An empty variable counts as unset, as in most tools.
  if ((host.env[definition.variable] ?? "") !== "") return [() => findByVariable(host, definition)];
  return [
    () => findOnPath(host, definition),
    () => findInCache(host, definition),
    ...definition.sources.map((source) => () => fetchPart(search, source)),
  ];
}
