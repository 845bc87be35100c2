import { create, createFileRegistry } from "@bufbuild/protobuf";
import type { DescService } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { assert } from "../../../model/result.ts";

/** A question of the reflection protocol; exactly one kind is asked. */
export interface ReflectionQuestion {
  readonly host: string;
  readonly messageRequest:
    | { readonly case: "fileByFilename" | "fileContainingSymbol" | "listServices"; readonly value: string }
    | { readonly case: string | undefined; readonly value?: unknown };
}

/** An answer of the reflection protocol. */
export interface ReflectionAnswer {
  readonly validHost: string;
  readonly originalRequest: unknown;
  readonly messageResponse:
    | { readonly case: "fileDescriptorResponse"; readonly value: { readonly fileDescriptorProto: Uint8Array[] } }
    | { readonly case: "listServicesResponse"; readonly value: { readonly service: { readonly name: string }[] } }
    | {
        readonly case: "errorResponse";
        readonly value: { readonly errorCode: number; readonly errorMessage: string };
      };
}

/** Versions of the protocol that clients try, the newest first. They differ in nothing but their package. */
export const REFLECTION_PACKAGES = ["grpc.reflection.v1", "grpc.reflection.v1alpha"] as const;

const STRING = FieldDescriptorProto_Type.STRING;

interface FieldShape {
  readonly name: string;
  readonly number: number;
  readonly type: FieldDescriptorProto_Type | string;
  readonly isList?: true;
  /** Member of the message's oneof. */
  readonly isChoice?: true;
}

/**
 * The protocol as a descriptor: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md. Made here, because it
 * is small and belongs to no contract of ours.
 */
export function reflectionContract(packageName: string): {
  readonly file: FileDescriptorProto;
  readonly service: DescService;
} {
  const message = (name: string, fields: readonly FieldShape[], oneof?: string) => ({
    name,
    field: fields.map((field) => fieldOf(packageName, field)),
    oneofDecl: oneof === undefined ? [] : [{ name: oneof }],
  });
  const file = create(FileDescriptorProtoSchema, {
    name: `${packageName.replaceAll(".", "/")}/reflection.proto`,
    package: packageName,
    syntax: "proto3",
    messageType: [
      message("ServerReflectionRequest", QUESTION, "message_request"),
      message("ExtensionRequest", [
        { name: "containing_type", number: 1, type: STRING },
        { name: "extension_number", number: 2, type: FieldDescriptorProto_Type.INT32 },
      ]),
      message("ServerReflectionResponse", ANSWER, "message_response"),
      message("FileDescriptorResponse", [
        { name: "file_descriptor_proto", number: 1, type: FieldDescriptorProto_Type.BYTES, isList: true },
      ]),
      message("ListServiceResponse", [{ name: "service", number: 1, type: "ServiceResponse", isList: true }]),
      message("ServiceResponse", [{ name: "name", number: 1, type: STRING }]),
      message("ErrorResponse", [
        { name: "error_code", number: 1, type: FieldDescriptorProto_Type.INT32 },
        { name: "error_message", number: 2, type: STRING },
      ]),
    ],
    service: [{ name: "ServerReflection", method: [methodOf(packageName)] }],
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const service = registry.getService(`${packageName}.ServerReflection`);
  assert(service !== undefined, "the reflection protocol has its service");
  return { file, service };
}

const QUESTION: readonly FieldShape[] = [
  { name: "host", number: 1, type: STRING },
  { name: "file_by_filename", number: 3, type: STRING, isChoice: true },
  { name: "file_containing_symbol", number: 4, type: STRING, isChoice: true },
  { name: "file_containing_extension", number: 5, type: "ExtensionRequest", isChoice: true },
  { name: "all_extension_numbers_of_type", number: 6, type: STRING, isChoice: true },
  { name: "list_services", number: 7, type: STRING, isChoice: true },
];

const ANSWER: readonly FieldShape[] = [
  { name: "valid_host", number: 1, type: STRING },
  { name: "original_request", number: 2, type: "ServerReflectionRequest" },
  { name: "file_descriptor_response", number: 4, type: "FileDescriptorResponse", isChoice: true },
  { name: "list_services_response", number: 6, type: "ListServiceResponse", isChoice: true },
  { name: "error_response", number: 7, type: "ErrorResponse", isChoice: true },
];

function fieldOf(packageName: string, { name, number, type, isList, isChoice }: FieldShape) {
  const kind =
    typeof type === "string"
      ? { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.${packageName}.${type}` }
      : { type };
  const label = isList === true ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL;
  return { name, number, label, ...kind, ...(isChoice === true ? { oneofIndex: 0 } : {}) };
}

function methodOf(packageName: string) {
  return {
    name: "ServerReflectionInfo",
    inputType: `.${packageName}.ServerReflectionRequest`,
    outputType: `.${packageName}.ServerReflectionResponse`,
    clientStreaming: true,
    serverStreaming: true,
  };
}
