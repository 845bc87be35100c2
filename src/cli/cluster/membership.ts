import type { Command } from "commander";
import {
  AcceptClusterResponseSchema,
  CordonClusterResponseSchema,
  ForceMode,
  RevokeClusterResponseSchema,
  UncordonClusterResponseSchema,
  UnregisterClusterResponseSchema,
} from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { API } from "../api.ts";
import { reasonOption } from "../option.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";

/** `weir cluster accept|cordon|uncordon|revoke|unregister NAME` */
export function addMembership(parent: Command, session: Session): void {
  addAccept(parent, session);
  addCordon(parent, session);
  addUncordon(parent, session);
  addRevoke(parent, session);
  addUnregister(parent, session);
}

function addAccept(parent: Command, session: Session): void {
  on(parent, "accept", "let a cluster that joined connect and carry traffic").action(
    async (cluster: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.clusters.acceptCluster, { requestId: newRequestId(), cluster });
      const lines = (): readonly string[] => [
        `cluster ${cluster} is accepted; it becomes active when its agent connects`,
      ];
      session.print(command, { schema: AcceptClusterResponseSchema, message, lines });
    },
  );
}

function addCordon(parent: Command, session: Session): void {
  on(parent, "cordon", "let no change raise a cluster's share").action(
    async (cluster: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.clusters.cordonCluster, { requestId: newRequestId(), cluster });
      const lines = (): readonly string[] => [`cluster ${cluster} is cordoned: its share cannot rise`];
      session.print(command, { schema: CordonClusterResponseSchema, message, lines });
    },
  );
}

function addUncordon(parent: Command, session: Session): void {
  on(parent, "uncordon", "end a cluster's cordon or drain; its share returns in a ramp").action(
    async (cluster: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.clusters.uncordonCluster, { requestId: newRequestId(), cluster });
      const lines = (): readonly string[] => [`cluster ${cluster} is uncordoned`];
      session.print(command, { schema: UncordonClusterResponseSchema, message, lines });
    },
  );
}

function addRevoke(parent: Command, session: Session): void {
  on(parent, "revoke", "cut a cluster off for good: its certificates are worth nothing from now on")
    .addOption(reasonOption())
    .action(async (cluster: string, { reason }: { readonly reason: string }, command: Command) => {
      const request = { requestId: newRequestId(), cluster, reason };
      const message = await session.call(command, API.clusters.revokeCluster, request);
      const lines = (): readonly string[] => [`cluster ${cluster} is revoked; its streams close within 10s`];
      session.print(command, { schema: RevokeClusterResponseSchema, message, lines });
    });
}

function addUnregister(parent: Command, session: Session): void {
  on(parent, "unregister", "forget a cluster")
    .option("--force", "also while other clusters still send it traffic")
    .action(async (cluster: string, { force }: { readonly force?: true }, command: Command) => {
      const mode = force === true ? ForceMode.YES : ForceMode.NO;
      const request = { requestId: newRequestId(), cluster, force: mode };
      const message = await session.call(command, API.clusters.unregisterCluster, request);
      const lines = (): readonly string[] => [`cluster ${cluster} is unregistered`];
      session.print(command, { schema: UnregisterClusterResponseSchema, message, lines });
    });
}

function on(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).argument("<name>", "name of the cluster");
}
