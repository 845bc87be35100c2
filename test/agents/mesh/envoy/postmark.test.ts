import { describe, expect, it } from "vitest";
import { createPostmark } from "../../../../agents/mesh/envoy/postmark.ts";

const EPOCH = 1_700_000_000_000;

describe("a postmark", () => {
  it("is the time of reading until a faster report shows that one was late", () => {
    const postmark = createPostmark();
    expect(postmark(EPOCH, 1_040)).toBe(1_040);
    expect(postmark(EPOCH + 1_000, 2_010)).toBe(2_010);
    // As fast as the fastest: 1 010 after it was written.
    expect(postmark(EPOCH + 2_000, 3_700)).toBe(3_010);
    expect(postmark(EPOCH + 3_000, 4_010)).toBe(4_010);
  });

  it("spaces reports as they were written, though several are read at once", () => {
    const postmark = createPostmark();
    postmark(EPOCH, 1_000);
    const read = [1_000, 2_000, 3_000].map((after) => postmark(EPOCH + after, 4_000));
    expect(read).toEqual([2_000, 3_000, 4_000]);
  });

  it("starts anew when the sender's clock was set back, and follows one that was set forward", () => {
    const postmark = createPostmark();
    postmark(EPOCH, 1_000);
    expect(postmark(EPOCH - 60_000, 2_000)).toBe(2_000);
    expect(postmark(EPOCH - 59_000, 3_400)).toBe(3_000);
    expect(postmark(EPOCH + 60_000, 4_000)).toBe(4_000);
  });

  it("is the time of reading for who does not say", () => {
    expect(createPostmark()(undefined, 5)).toBe(5);
  });
});
