import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { ServiceId } from "../../src/model/ids.ts";
import { badName, badServiceName } from "../../src/model/names.ts";
import { refuse, ok } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import type { LocalEndpoint, LocalEndpoints } from "../core/ports.ts";
import { messageOf } from "./durable-file.ts";
import { readLongYaml } from "../config/yaml-entries.ts";

/** Told of every change that is sound, and of every one that is not. */
export interface EndpointsListener {
  readonly changed: (endpoints: LocalEndpoints) => void;
  readonly invalid: (problem: string) => void;
}

/** Editors and deployers write in several steps: a change is read once it has been quiet for this long, in ms. */
const SETTLE_MS = 50;
/** A watch can die silently; the file is looked at again this often, in ms. */
const LOOK_AGAIN_MS = 5_000;
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const ENDPOINTS_MAX = 50_000;

/**
 * Endpoints of local workloads from a YAML file, `services: {shop/checkout: {v1: [{address, port, capacityRps}]}}`,
 * followed while it changes. A file that is bad or gone changes nothing: the endpoints read last stay, with an alarm.
 */
export class EndpointsFile {
  readonly #path: string;
  readonly #listener: EndpointsListener;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #text: string | undefined;
  #isClosed = false;

  constructor(path: string, listener: EndpointsListener) {
    this.#path = path;
    this.#listener = listener;
  }

  /** Reads the file and begins to follow it. */
  async start(): Promise<void> {
    await this.#read();
    this.#timer = setInterval(() => void this.#read(), LOOK_AGAIN_MS);
    try {
      // The folder, not the file: a file that is replaced is another file.
      this.#watcher = watch(dirname(this.#path), (_event, name) => {
        if (name === null || name === basename(this.#path)) this.#soon();
      });
      this.#watcher.on("error", (cause) => this.#listener.invalid(`${this.#path} cannot be watched: ${cause.message}`));
    } catch (cause) {
      this.#listener.invalid(`${this.#path} cannot be watched: ${messageOf(cause)}`);
    }
  }

  /** Stops following. */
  close(): void {
    this.#isClosed = true;
    this.#watcher?.close();
    clearInterval(this.#timer);
    clearTimeout(this.#settle);
  }

  #soon(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => void this.#read(), SETTLE_MS);
  }

  async #read(): Promise<void> {
    const text = await textOf(this.#path);
    if (this.#isClosed) return;
    if (!text.ok) return this.#listener.invalid(text.refusal);
    if (text.value === this.#text) return;
    this.#text = text.value;
    const read = readEndpoints(text.value);
    if (read.ok) this.#listener.changed(read.value);
    else this.#listener.invalid(`${this.#path}: ${read.refusal.join("; ")}`);
  }
}

async function textOf(path: string): Promise<Result<string, string>> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > FILE_BYTES_MAX)
      return refuse(`${path} has ${bytes.length} bytes; at most ${FILE_BYTES_MAX} are allowed`);
    return ok(bytes.toString("utf8"));
  } catch (cause) {
    return refuse(`${path} cannot be read: ${messageOf(cause)}`);
  }
}

/** Reads the text of an endpoints file, or says everything that is wrong with it, each with its path. */
export function readEndpoints(text: string): Result<LocalEndpoints, readonly string[]> {
  const document = readLongYaml(text);
  if (!document.ok) return document;
  const problems: string[] = [];
  const root = mapping(document.value, "the document", problems);
  for (const key of Object.keys(root)) if (key !== "services") problems.push(`${key} is no key of an endpoints file`);
  const services = new Map<ServiceId, ReadonlyMap<string, readonly LocalEndpoint[]>>();
  for (const [service, versions] of Object.entries(mapping(root["services"] ?? {}, "services", problems))) {
    const bad = badServiceName(service);
    if (bad !== undefined) problems.push(`services.${service}: the name ${bad}`);
    services.set(service as ServiceId, readVersions(versions, `services.${service}`, problems));
  }
  const total = [...services.values()].flatMap((versions) => [...versions.values()].flat()).length;
  if (total > ENDPOINTS_MAX) problems.push(`${total} endpoints; at most ${ENDPOINTS_MAX} are allowed`);
  return problems.length === 0 ? ok(services) : refuse(problems);
}

function readVersions(value: unknown, path: string, problems: string[]): ReadonlyMap<string, readonly LocalEndpoint[]> {
  const versions = new Map<string, readonly LocalEndpoint[]>();
  for (const [version, list] of Object.entries(mapping(value ?? {}, path, problems))) {
    const bad = badName(version);
    if (bad !== undefined) problems.push(`${path}.${version}: the name ${bad}`);
    versions.set(version, readList(list, `${path}.${version}`, problems));
  }
  return versions;
}

/** Nothing listed means that nothing runs; that is an answer. */
function readList(value: unknown, path: string, problems: string[]): readonly LocalEndpoint[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) {
    problems.push(`${path} is no list of endpoints`);
    return [];
  }
  return value.map((entry: unknown, index) => readEndpoint(entry, `${path}[${index}]`, problems));
}

function readEndpoint(value: unknown, path: string, problems: string[]): LocalEndpoint {
  const { address, port, capacityRps, ...rest } = mapping(value, path, problems);
  for (const key of Object.keys(rest)) problems.push(`${path}.${key} is no key of an endpoint`);
  if (typeof address !== "string" || address === "") problems.push(`${path}.address is no address`);
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535)
    problems.push(`${path}.port is no port from 1 to 65535`);
  if (
    capacityRps !== undefined &&
    !(typeof capacityRps === "number" && Number.isFinite(capacityRps) && capacityRps >= 0)
  )
    problems.push(`${path}.capacityRps is no number of at least 0`);
  const endpoint = { address: String(address), port: Number(port) };
  return capacityRps === undefined ? endpoint : { ...endpoint, capacityRps: Number(capacityRps) };
}

function mapping(value: unknown, path: string, problems: string[]): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  problems.push(`${path} is no mapping`);
  return {};
}
