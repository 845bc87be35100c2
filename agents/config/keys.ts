import type { GatewayAddress } from "../../src/model/cluster.ts";

/** Reads keys by their path, remembers which there are, and collects what is wrong. */
export class Keys {
  readonly #root: unknown;
  readonly #name: string;
  readonly #known = new Set<string>();
  readonly #problems: string[] = [];

  constructor(root: unknown, name: string) {
    this.#root = root;
    this.#name = name;
  }

  wrong(key: string, message: string): void {
    this.#problems.push(`${this.#name}: ${key}: ${message}`);
  }

  /** Makes a key known that is not read. */
  touch(key: string): void {
    this.#known.add(key);
  }

  text(key: string, fallback?: string): string | undefined {
    const value = this.#value(key);
    if (value === undefined) return fallback;
    if (typeof value === "string" && value !== "") return value;
    this.wrong(key, `is ${JSON.stringify(value)}; a text is wanted`);
    return fallback;
  }

  number(
    key: string,
    { fallback, min, max }: { readonly fallback: number; readonly min: number; readonly max: number },
  ): number {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "number" && value >= min && value <= max) return value;
    this.wrong(key, `is ${JSON.stringify(value)}; a number from ${min} to ${max} is wanted`);
    return fallback;
  }

  choice<T extends string>(
    key: string,
    choices: readonly T[],
    { fallback, given }: { readonly fallback: T; readonly given?: string | undefined },
  ): T {
    const value = given ?? this.#value(key) ?? fallback;
    this.touch(key);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.wrong(key, `is ${JSON.stringify(value)}; one of ${choices.join(", ")} is wanted`);
    return found ?? fallback;
  }

  address(key: string): GatewayAddress | undefined {
    if (this.#value(key) === undefined) return undefined;
    const address = this.text(`${key}.address`);
    if (address === undefined) this.wrong(`${key}.address`, "is required");
    const port = this.number(`${key}.port`, { fallback: 0, min: 1, max: 65_535 });
    return { address: address ?? "", port };
  }

  addresses(key: string): readonly string[] {
    const value = this.#value(key) ?? [];
    if (Array.isArray(value) && value.every((entry) => typeof entry === "string" && /^.+:\d{1,5}$/.test(entry)))
      return value as string[];
    this.wrong(key, `is ${JSON.stringify(value)}; a list of host:port is wanted`);
    return [];
  }

  /** Everything wrong, keys that nobody knows included. */
  problems(): readonly string[] {
    for (const key of leaves(this.#root, "")) {
      if (key === "" || this.#known.has(key)) continue;
      if ([...this.#known].some((known) => known.startsWith(`${key}.`))) {
        this.wrong(key, "is no mapping");
        continue;
      }
      const near = [...this.#known].find((known) => isNear(known, key));
      this.wrong(key, `is no key of an agent's configuration${near === undefined ? "" : `; did you mean ${near}?`}`);
    }
    return this.#problems;
  }

  #value(key: string): unknown {
    this.touch(key);
    const parts = key.split(".");
    return (
      parts.reduce<unknown>(
        (value, part) => (isMapping(value) && Object.hasOwn(value, part) ? value[part] : undefined),
        this.#root,
      ) ?? undefined
    );
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of everything that is no mapping. */
function leaves(value: unknown, path: string): readonly string[] {
  if (!isMapping(value)) return [path === "" ? "the document" : path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

/** Whether two keys differ by a slip: case, or one letter more, less or other. */
function isNear(a: string, b: string): boolean {
  if (a.toLowerCase() === b.toLowerCase()) return true;
  if (Math.abs(a.length - b.length) > 2) return false;
  const start = a.split("").findIndex((letter, index) => letter !== b[index]);
  if (start < 0) return true;
  const tail = Math.min(a.length, b.length) - start - 2;
  return tail <= 0 ? start >= 3 : a.slice(-tail) === b.slice(-tail);
}
