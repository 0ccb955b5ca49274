// The port of the staging machine, as a person types it.

/** The number of a typed port. 0 when the text is no number of one to five digits. */
export function portNumber(text: string): number {
  return /^\d{1,5}$/.test(text.trim()) ? Number(text.trim()) : 0;
}
