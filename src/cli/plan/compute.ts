import type { Command } from "commander";
import { EXPORTED, readFleetDocument } from "../../io/yaml/fleet-document.ts";
import type { FleetDocument } from "../../model/fleet-document.ts";
import { computeFleet } from "../../planner/compute/fleet.ts";
import { misused, refused, refusedAll } from "../failure.ts";
import { readBytes } from "../read-input.ts";
import type { Session } from "../session.ts";
import { fleetLines } from "./computed-table.ts";

/** A fleet that is small and has a point: the nearest neighbour is the dearer one, and one loss is not survived. */
export const EXAMPLE = `apiVersion: weir.dev/v1
kind: Fleet
clusters: [{ name: eu-west }, { name: eu-north }, { name: other-cloud }]
rttMs: { eu-west: { eu-north: 25, other-cloud: 3 }, eu-north: { other-cloud: 28 } }
egressDollarsPerGb: { eu-west: { eu-north: 0.02, other-cloud: 0.09 }, eu-north: { other-cloud: 0.09 } }
services:
  - name: shop/checkout
    demandRps: { eu-west: 950, eu-north: 200, other-cloud: 300 }
    bytesPerRequest: 400000
    destinations:
      - { cluster: eu-west, version: v1, servers: 16, meanWorkMs: 20 }
      - { cluster: eu-north, version: v1, servers: 12, meanWorkMs: 20 }
      - { cluster: other-cloud, version: v1, capacityRps: 600 }
    policy: { surviveLossOf: [other-cloud] }`;

const HELP = `
Example of a file (\`weir plan schema\` prints everything that it may say, as JSON Schema):
${EXAMPLE.split("\n")
  .map((line) => `  ${line}`)
  .join("\n")}

With -o json: services[] with sources[].weights[] (destination, weight in basis points, rps, rttMs, destinationMs, latencyMs,
dollarsPerHour, reasons[]) and sources[].others[] (destination, reason), destinations[] (loadRps, capacityRps, utilisation, latencyMs,
marginalMs, limitPriceMs), losses[] per lost cluster (shortRps after planning anew, shortAtOnceRps before), objectiveMs, boundMs, gap,
rung, fallbacks[], remarks[]. Rates are requests per second, times ms, shares 0 to 1; a capacity without end is null.`;

interface Options {
  readonly filename: string;
  readonly explain?: true;
}

/** `weir plan compute -f FILE` */
export function addCompute(parent: Command, session: Session): void {
  parent
    .command("compute")
    .description("plan a fleet that a file describes; needs no planner and no login")
    .argument("[service]", "namespace/name; all services without it", "")
    .requiredOption("-f, --filename <path>", "YAML or JSON file, - for standard input")
    .option("--explain", "say why each weight is what it is")
    .addHelpText("after", HELP)
    .action(async (service: string, { filename, explain }: Options, command: Command) => {
      const document = only(await readFleet(filename), service);
      const isTable = session.format(command) === "table";
      const fleet = computeFleet(document, { isExplained: !isTable || explain === true });
      const { paint } = session.terminal;
      session.printValue(command, fleet, () => fleetLines(fleet, { paint, isExplained: explain === true }));
    });
}

/** Reads a fleet; fails with everything that is wrong with it. */
async function readFleet(path: string): Promise<FleetDocument> {
  const { file, bytes } = await readBytes(path, EXPORTED.bytesMax);
  const document = readFleetDocument(textOf(bytes, file), file);
  if (!document.ok) throw refusedAll(document.refusal, "see `weir plan schema` for everything that a fleet may say");
  return document.value;
}

function textOf(bytes: Uint8Array, file: string): string {
  const { bytesMax } = EXPORTED;
  if (bytes.length > bytesMax)
    throw refused({ code: "DOC_TOO_LARGE", field: "", message: `${file} has more than ${bytesMax} bytes` });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused({ code: "YAML_SYNTAX", field: "", message: `${file} is not UTF-8 text` });
  }
}

function only(document: FleetDocument, service: string): FleetDocument {
  if (service === "") return document;
  const services = document.services.filter(({ name }) => name === service);
  if (services.length > 0) return { ...document, services };
  const known = document.services.map(({ name }) => name).join(", ");
  throw misused(`there is no service ${JSON.stringify(service)} in this file; known: ${known || "none"}`);
}
