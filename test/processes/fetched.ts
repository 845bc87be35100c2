import { get } from "node:http";

/** What to ask, over TCP or a unix socket. */
export interface Asked {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
  readonly path: string;
}

/** Status and body of an HTTP GET; undefined when nobody answers. */
export async function fetched(asked: Asked): Promise<{ readonly status: number; readonly body: string } | undefined> {
  return await new Promise((resolve) => {
    const request = get({ ...asked, timeout: 2_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(undefined));
  });
}
