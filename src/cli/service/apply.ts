import type { Command } from "commander";
import type { Service } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { readDocuments } from "../documents.ts";
import { misused } from "../failure.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";
import { serviceOf, toDocument } from "./document.ts";

const EXAMPLE = `  kind: Service
  name: shop/checkout
  protocol: http
  port: 8080
  stableVersion: v1
  deployments:
    - { cluster: eu-west, version: v1 }
    - { cluster: us-east, version: v1, capacityRps: 400 }
    - { cluster: us-west, version: v1, servers: 8, meanWorkMs: 20 }
  policy:
    deniedClusters: [ap-south]   # also: allowedClusters, requiredLabels, allowedLabels, deniedLabels, isolation, maxShare,
                                 # surviveLossOf
    failover: { order: [{ own: cluster }, us-west, { labels: { region: eu } }], healthyMin: 70% }   # also: orderBySource
    localityPenaltyMs: { region: 20 }   # what a request must save to leave its region
  release:
    shares: { v2: 5% }           # of all requests; also: maxSourceShare
    matches: [{ version: v2, headers: { x-canary: "1" } }]

\`weir service show NAME\` prints a service in this form, with everything that can be set.`;

/** `weir service apply -f FILE` */
export function addApply(parent: Command, session: Session): void {
  parent
    .command("apply")
    .description("create or replace the services that a file declares")
    .requiredOption("-f, --filename <path>", "YAML or JSON file, - for standard input; several documents with ---")
    .addHelpText("after", `\nExample of a file:\n${EXAMPLE}`)
    .action(async ({ filename }: { readonly filename: string }, command: Command) => apply(filename, command, session));
}

async function apply(path: string, command: Command, session: Session): Promise<void> {
  const documents = await readDocuments(path, { kind: "Service", read: serviceOf });
  const names = documents.map(({ spec }) => spec.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw misused(`${path} declares ${twice} twice`);
  const applied: Service[] = [];
  for (const document of documents) {
    // One after the other: when one is refused, those before it stand, and the message is about this one.
    const request = { requestId: newRequestId(), ...document };
    const { service } = await session.call(command, API.services.applyService, request);
    if (service !== undefined) applied.push(service);
    if (session.format(command) === "table") session.terminal.out(`service ${document.spec.name} applied`);
  }
  if (session.format(command) !== "table") session.printValue(command, { services: applied.map(toDocument) }, () => []);
}
