/** The message of an error, with those of its causes where they say more. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message === '' ? error.name : error.message;
  if (error.cause === undefined) return message;
  // Of a module that is missing, Node.js lists who wanted it.
  const [cause = ''] = messageOf(error.cause).split('\nRequire stack:');
  return message.includes(cause) ? message : `${message} (${cause})`;
}
