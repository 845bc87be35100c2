import { toBinary } from "@bufbuild/protobuf";
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { Server, ServerDuplexStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { rpcService } from "../../../wire/rpc.ts";
import { REFLECTION_PACKAGES, reflectionContract } from "./contract.ts";
import type { ReflectionAnswer, ReflectionQuestion } from "./contract.ts";

/** What a server can be asked about. */
export interface Reflected {
  readonly services: readonly DescService[];
  /** Descriptors of services that other libraries brought. */
  readonly foreign: readonly FileDescriptorProto[];
}

/** Adds server reflection, so that `buf curl` and `grpcurl` need no proto files. */
export function addReflection(server: Server, { services, foreign }: Reflected): void {
  const contracts = REFLECTION_PACKAGES.map(reflectionContract);
  const others = [...foreign, ...contracts.map(({ file }) => file)];
  const index = indexOf(
    services.map(({ file }) => file),
    others,
  );
  for (const { service } of contracts) {
    server.addService(rpcService(service) as never, {
      serverReflectionInfo: (call: ServerDuplexStream<ReflectionQuestion, ReflectionAnswer>) => {
        call.on("data", (question) => call.write(answer(index, question)));
        call.on("end", () => call.end());
      },
    });
  }
}

interface Index {
  readonly files: ReadonlyMap<string, FileDescriptorProto>;
  /** File by the full name of what it declares. */
  readonly symbols: ReadonlyMap<string, string>;
  readonly services: readonly string[];
}

function indexOf(roots: readonly DescFile[], others: readonly FileDescriptorProto[]): Index {
  const files = new Map(others.map((file) => [file.name, file]));
  const pending = [...roots];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (files.has(file.proto.name)) continue;
    files.set(file.proto.name, file.proto);
    pending.push(...file.dependencies);
  }
  const symbols = new Map<string, string>();
  for (const file of files.values()) for (const symbol of symbolsOf(file)) symbols.set(symbol, file.name);
  const services = [...files.values()].flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`));
  return { files, symbols, services: services.toSorted() };
}

function symbolsOf(file: FileDescriptorProto): readonly string[] {
  const within = (scope: string, messages: FileDescriptorProto["messageType"]): string[] =>
    messages.flatMap((message) => {
      const name = `${scope}.${message.name}`;
      const enums = message.enumType.map((one) => `${name}.${one.name}`);
      return [name, ...enums, ...within(name, message.nestedType)];
    });
  const methods = file.service.flatMap(({ name, method }) => [
    `${file.package}.${name}`,
    ...method.map((one) => `${file.package}.${name}.${one.name}`),
  ]);
  return [
    ...within(file.package, file.messageType),
    ...file.enumType.map(({ name }) => `${file.package}.${name}`),
    ...methods,
  ];
}

function answer(index: Index, question: ReflectionQuestion): ReflectionAnswer {
  const { case: kind, value } = question.messageRequest;
  const about = { validHost: question.host, originalRequest: question };
  if (kind === "listServices") {
    const service = index.services.map((name) => ({ name }));
    return { ...about, messageResponse: { case: "listServicesResponse", value: { service } } };
  }
  const name = kind === "fileContainingSymbol" ? index.symbols.get(String(value)) : String(value);
  const isAsked = kind === "fileContainingSymbol" || kind === "fileByFilename";
  const files = isAsked && name !== undefined ? withImports(index, name) : [];
  if (files.length > 0) {
    return { ...about, messageResponse: { case: "fileDescriptorResponse", value: { fileDescriptorProto: files } } };
  }
  const error = isAsked
    ? { errorCode: status.NOT_FOUND, errorMessage: "there is no such file or symbol here" }
    : { errorCode: status.UNIMPLEMENTED, errorMessage: "the contract has no extensions" };
  return { ...about, messageResponse: { case: "errorResponse", value: error } };
}

/** The file and everything it imports: some clients ask once and expect it all. */
function withImports(index: Index, name: string): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const pending = [name];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const file = index.files.get(next);
    if (file === undefined || found.has(next)) continue;
    found.set(next, toBinary(FileDescriptorProtoSchema, file));
    pending.push(...file.dependency);
  }
  return [...found.values()];
}
