import type { Nack } from "./ads-subscription.ts";

/** As much of a proxy's words as a report carries. */
const WORDS_MAX = 600;

/** How Envoy begins when it finds a resource invalid and prints it in place of a reason; protobuf varies the word. */
const PRINTED_RESOURCE = /^goo\.gle\/debug\w* /;

/** What a proxy said against a resource, in one line that fits into a report. */
export function wordsOf({ kind, message, resources }: Nack): string {
  const line = message.replaceAll(/\s+/g, " ").trim();
  if (!PRINTED_RESOURCE.test(line)) return shortened(line);
  const names = resources.map(({ name }) => name).join(", ");
  return shortened(`failed the proxy's validation: ${kind} ${names}: ${line.replace(PRINTED_RESOURCE, "")}`);
}

function shortened(text: string): string {
  return text.length <= WORDS_MAX ? text : `${text.slice(0, WORDS_MAX)}…`;
}

/** What several proxies said, each thing once. */
export function allWordsOf(nacks: readonly Nack[]): string {
  return shortened([...new Set(nacks.map(wordsOf))].join("; "));
}

/** Whether a name stands in a text as a whole, not as a part of a longer one. */
export function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const [before, after] = [text[at - 1] ?? " ", text[at + name.length] ?? " "];
    if (!/[a-z0-9/-]/.test(before) && !/[a-z0-9/-]/.test(after)) return true;
  }
  return false;
}
