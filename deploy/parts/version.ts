/** Major, minor, patch. What follows a patch number (`-beta.1`) is not looked at. */
export type Version = readonly [major: number, minor: number, patch: number];

/** Reads the first version in a text; undefined if there is none. */
export function parseVersion(text: string): Version | undefined {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(text);
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])];
}

/** Whether `version` is `floor` or newer. */
export function isAtLeast(version: Version, floor: Version): boolean {
  const differing = version.findIndex((number, index) => number !== floor[index]);
  return differing === -1 || (version[differing] ?? 0) > (floor[differing] ?? 0);
}

/** As people write it: `2.15.1`. */
export function formatVersion(version: Version): string {
  return version.join(".");
}
