const asIs = (bytes: Buffer): Buffer => bytes;

/** A gRPC service of one method that takes bytes and answers with who served it, as JSON. */
export const GREETER = {
  greet: {
    path: "/shop.Greeter/Greet",
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
} as const;
