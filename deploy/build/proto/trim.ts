import { isFieldSet } from "@bufbuild/protobuf";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FileDescriptorProto,
  FileDescriptorSet,
} from "@bufbuild/protobuf/wkt";
import { FieldDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** Messages of protobuf itself come with the runtime and are always there; buf's mark on their files keeps them from being generated. */
const RUNTIME = "google.protobuf";

/**
 * Leaves of `files` only what is `wanted`, and only the fields whose types are. Options and comments,
 * which nobody reads here, go. Works in place.
 */
export function trim({ file: files }: FileDescriptorSet, wanted: ReadonlySet<string>): readonly FileDescriptorProto[] {
  const runtime = files.filter((file) => file.package === RUNTIME);
  const own = files.filter((file) => file.package !== RUNTIME);
  const trimmed = own.map((file) => trimFile(file, wanted)).filter(holdsAnything);
  const homes = new Map([...runtime, ...trimmed].flatMap(typesOf));
  for (const file of trimmed) file.dependency = importsOf(file, homes);
  const missing = [...wanted].filter((name) => !homes.has(name) && !isCall(trimmed, name));
  if (missing.length > 0) throw new Error(`no proto has ${missing.join(", ")}`);
  return [...runtime, ...trimmed];
}

function trimFile(file: FileDescriptorProto, wanted: ReadonlySet<string>): FileDescriptorProto {
  const scope = file.package;
  return Object.assign(file, {
    dependency: [],
    publicDependency: [],
    weakDependency: [],
    optionDependency: [],
    extension: [],
    options: undefined,
    sourceCodeInfo: undefined,
    messageType: trimMessages(file.messageType, scope, wanted),
    enumType: trimEnums(file.enumType, scope, wanted),
    service: file.service
      .filter(({ name }) => wanted.has(`${scope}.${name}`))
      .map((service) =>
        Object.assign(service, {
          options: undefined,
          method: service.method
            .filter(({ name }) => wanted.has(`${scope}.${service.name}.${name}`))
            .map((method) => Object.assign(method, { options: undefined })),
        }),
      ),
  });
}

function trimMessages(all: readonly DescriptorProto[], scope: string, wanted: ReadonlySet<string>): DescriptorProto[] {
  return all
    .filter((one) => isMap(one) || wanted.has(`${scope}.${one.name}`))
    .map((one) => trimMessage(one, scope, wanted));
}

function trimMessage(message: DescriptorProto, scope: string, wanted: ReadonlySet<string>): DescriptorProto {
  const name = `${scope}.${message.name}`;
  const nestedType = trimMessages(message.nestedType, name, wanted);
  const maps = new Set(nestedType.filter(isWholeMap).map((map) => `.${name}.${map.name}`));
  const isKnown = (type: string) =>
    type === "" || maps.has(type) || type.startsWith(`.${RUNTIME}.`) || wanted.has(type.slice(1));
  const field = message.field
    .filter(({ typeName }) => isKnown(typeName))
    .map((one) => Object.assign(one, { options: undefined }));
  return withoutEmptyOneofs(
    Object.assign(message, {
      field,
      nestedType: nestedType.filter((one) => !isMap(one) || isWholeMap(one)),
      enumType: trimEnums(message.enumType, name, wanted),
      extension: [],
      options: isMap(message) ? message.options : undefined,
    }),
  );
}

/** A oneof without fields is an error, and fields count their oneofs. */
function withoutEmptyOneofs(message: DescriptorProto): DescriptorProto {
  const used = [...new Set(message.field.flatMap((field) => (isInOneof(field) ? [field.oneofIndex] : [])))].toSorted(
    (a, b) => a - b,
  );
  return Object.assign(message, {
    oneofDecl: used
      .flatMap((index) => message.oneofDecl[index] ?? [])
      .map((one) => Object.assign(one, { options: undefined })),
    field: message.field.map((field) =>
      isInOneof(field) ? Object.assign(field, { oneofIndex: used.indexOf(field.oneofIndex) }) : field,
    ),
  });
}

function isInOneof(field: DescriptorProto["field"][number]): boolean {
  return isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex);
}

function trimEnums(
  all: readonly EnumDescriptorProto[],
  scope: string,
  wanted: ReadonlySet<string>,
): EnumDescriptorProto[] {
  return all
    .filter(({ name }) => wanted.has(`${scope}.${name}`))
    .map((one) =>
      Object.assign(one, {
        options: undefined,
        value: one.value.map((value) => Object.assign(value, { options: undefined })),
      }),
    );
}

function isMap({ options }: DescriptorProto): boolean {
  return options?.mapEntry === true;
}

/** A map whose values are not wanted has lost them. */
function isWholeMap(message: DescriptorProto): boolean {
  return isMap(message) && message.field.length === 2;
}

function holdsAnything({ messageType, enumType, service }: FileDescriptorProto): boolean {
  return messageType.length + enumType.length + service.length > 0;
}

/** Every type of a file with the file that has it. */
function typesOf(file: FileDescriptorProto): readonly (readonly [string, string])[] {
  const inside = (
    scope: string,
    { messageType, enumType }: Pick<FileDescriptorProto, "messageType" | "enumType">,
  ): string[] => [
    ...enumType.map(({ name }) => `${scope}.${name}`),
    ...messageType.flatMap((one) => [
      `${scope}.${one.name}`,
      ...inside(`${scope}.${one.name}`, { messageType: one.nestedType, enumType: one.enumType }),
    ]),
  ];
  return inside(file.package, file).map((name) => [name, file.name]);
}

function importsOf(file: FileDescriptorProto, homes: ReadonlyMap<string, string>): string[] {
  const inMessage = ({ field, nestedType }: DescriptorProto): string[] => [
    ...field.map(({ typeName }) => typeName),
    ...nestedType.flatMap(inMessage),
  ];
  const inCalls = file.service.flatMap(({ method }) =>
    method.flatMap(({ inputType, outputType }) => [inputType, outputType]),
  );
  const used = [...file.messageType.flatMap(inMessage), ...inCalls].filter((type) => type !== "");
  const files = used.map((type) => homes.get(type.slice(1)) ?? "").filter((name) => name !== file.name);
  return [...new Set(files)].toSorted();
}

function isCall(files: readonly FileDescriptorProto[], name: string): boolean {
  return files.some((file) =>
    file.service.some((service) => {
      const own = `${file.package}.${service.name}`;
      return own === name || service.method.some((method) => `${own}.${method.name}` === name);
    }),
  );
}
