import { isUtf8 } from 'node:buffer';
import type { QuerySyntaxError, Refusal } from '../../../sql';

/** A query as a string, and the way back to the client's bytes. */
export interface QueryText {
  readonly text: string;
  readonly encode: (text: string) => Buffer;
}

/**
 * Reads the text of a query so that whatever is made of it can be sent to PostgreSQL without loss. Text that is not
 * UTF-8, by the session's encoding or by mistake, is read byte by byte: keywords and punctuation are ASCII in every
 * encoding of a client, and PostgreSQL judges the rest.
 *
 * @param clientEncoding - the session's `client_encoding`
 */
export function readQueryText(bytes: Buffer, clientEncoding: string | undefined): QueryText {
  const encoding = (clientEncoding ?? 'UTF8') === 'UTF8' && isUtf8(bytes) ? 'utf8' : 'latin1';
  return { text: bytes.toString(encoding), encode: (text) => Buffer.from(text, encoding) };
}

/** The answer to a text that cannot be read, where PostgreSQL has none. */
export function unreadable({ sqlstate, message }: QuerySyntaxError): Refusal {
  return { rule: 'syntax', sqlstate, message };
}
