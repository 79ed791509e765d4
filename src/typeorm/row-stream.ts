import { Readable } from 'node:stream';
import type { ReadStream } from 'typeorm/platform/PlatformTools.js';

type Row = Record<string, unknown>;

/** What becomes of what a stream gives. */
export interface RowStreamOptions {
  /** Changes a row in place. */
  readonly row: (row: Row) => void;
  /** Makes the error to report of the one that ended the stream. */
  readonly error: (error: Error) => Promise<Error>;
}

/**
 * Lets the rows and the error of a stream be what they are to be before anybody sees them. A stream behind it would do the
 * same, but it would not be the one that its caller may close to end the query.
 *
 * @param given - one of pg-query-stream that nothing has been read from
 * @returns the same stream
 */
export function adaptRowStream<Stream extends Readable>(
  given: Stream,
  { row, error }: RowStreamOptions,
): Stream {
  const stream: Readable = given;
  const push = stream.push.bind(stream);
  const destroy = stream._destroy.bind(stream);
  Object.assign(stream, {
    push: (chunk: Row | null) => {
      if (chunk !== null) row(chunk);
      return push(chunk);
    },
    _destroy: (reason: Error | null, done: (error?: Error | null) => void) => {
      destroy(reason, (end) => {
        if (end) void error(end).then(done);
        else done();
      });
    },
  });
  return given;
}

/**
 * A stream that gives no rows but an error, to those who read it.
 *
 * @param onError - as TypeORM passes it on
 */
export function failedRowStream(error: Error, onError?: (error: Error) => void): ReadStream {
  const failed = new Readable({
    objectMode: true,
    read() {
      this.destroy(error);
    },
  });
  if (onError !== undefined) failed.on('error', onError);
  // TypeORM says that it gives streams of files, and gives none.
  const stream: unknown = failed;
  return stream as ReadStream;
}
