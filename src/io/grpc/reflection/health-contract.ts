import { create } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";

const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;
const { STRING, MESSAGE, ENUM } = FieldDescriptorProto_Type;

const PACKAGE = "grpc.health.v1";
const REQUEST = `.${PACKAGE}.HealthCheckRequest`;
const RESPONSE = `.${PACKAGE}.HealthCheckResponse`;
const LIST_REQUEST = `.${PACKAGE}.HealthListRequest`;
const LIST_RESPONSE = `.${PACKAGE}.HealthListResponse`;
const STATUSES = `${LIST_RESPONSE}.StatusesEntry`;

/**
 * gRPC's health protocol as a descriptor: https://github.com/grpc/grpc/blob/master/doc/health-checking.md. The library
 * that answers it describes it with relative type names, which strict clients such as buf cannot resolve.
 */
export function healthContract(): FileDescriptorProto {
  return create(FileDescriptorProtoSchema, {
    name: "grpc/health/v1/health.proto",
    package: PACKAGE,
    syntax: "proto3",
    messageType: [
      { name: "HealthCheckRequest", field: [{ name: "service", number: 1, label: OPTIONAL, type: STRING }] },
      {
        name: "HealthCheckResponse",
        field: [{ name: "status", number: 1, label: OPTIONAL, type: ENUM, typeName: `${RESPONSE}.ServingStatus` }],
        enumType: [{ name: "ServingStatus", value: SERVING_STATUS.map((name, number) => ({ name, number })) }],
      },
      { name: "HealthListRequest" },
      {
        name: "HealthListResponse",
        field: [{ name: "statuses", number: 1, label: REPEATED, type: MESSAGE, typeName: STATUSES }],
        nestedType: [
          {
            name: "StatusesEntry",
            field: [
              { name: "key", number: 1, label: OPTIONAL, type: STRING },
              { name: "value", number: 2, label: OPTIONAL, type: MESSAGE, typeName: RESPONSE },
            ],
            options: { mapEntry: true },
          },
        ],
      },
    ],
    service: [
      {
        name: "Health",
        method: [
          { name: "Check", inputType: REQUEST, outputType: RESPONSE },
          { name: "Watch", inputType: REQUEST, outputType: RESPONSE, serverStreaming: true },
          { name: "List", inputType: LIST_REQUEST, outputType: LIST_RESPONSE },
        ],
      },
    ],
  });
}

const SERVING_STATUS = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
