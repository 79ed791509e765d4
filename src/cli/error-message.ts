/** The message of an error, with those of its causes where they say more. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message === '' ? error.name : error.message;
  if (error.cause === undefined) return message;
  const cause = messageOf(error.cause);
  return message.includes(cause) ? message : `${message} (${cause})`;
}
