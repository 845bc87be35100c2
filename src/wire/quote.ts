/** Longest piece of somebody's text that a message repeats. */
const SHOWN_MAX = 80;

/**
 * Text from outside in the form in which a message may repeat it: in double quotes, short, and with everything that is
 * not printable ASCII escaped, so that look-alikes, direction marks and line breaks show themselves.
 */
export function quote(text: string): string {
  const short = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  const escaped = JSON.stringify(short).replaceAll(/[^\x20-\x7e…]/g, (unit) => escape(unit));
  return escaped;
}

function escape(unit: string): string {
  return String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
