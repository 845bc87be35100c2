/** Ports that something can listen on. */
export const PORT = { min: 1, max: 65_535 };

const HOST_LENGTH_MAX = 253;

/** Whether a text can be a host name or an IP address, by its characters and its length. */
export function isHost(text: string): boolean {
  return text.length <= HOST_LENGTH_MAX && /^[0-9a-zA-Z._:-]+$/.test(text);
}
