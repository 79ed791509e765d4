import type { WireConnection } from './outbox';
import type { ReportedStatus, Session } from './session';

/** A ReadyForQuery that was made here, so that node-postgres goes on as after a round trip. */
interface LocalReady {
  readonly status: ReportedStatus;
  readonly isLocal: true;
}

/** Whether a ReadyForQuery is one of the server's. */
export function isServersOwn(ready: { readonly status: ReportedStatus } | LocalReady): boolean {
  return !('isLocal' in ready);
}

/** Answers where the server's answers come in, and not before node-postgres has noted that the query is under way. */
export function answer(connection: WireConnection, tag: string, status: ReportedStatus): null {
  process.nextTick(() => {
    connection.emit('commandComplete', { text: tag });
    sayReady(connection, status);
  });
  return null;
}

/** Says that the server is ready, which it has not said. */
export function sayReady(connection: WireConnection, status: ReportedStatus): void {
  connection.emit('readyForQuery', { status, isLocal: true } satisfies LocalReady);
}

/** What is said of every statement behind a BEGIN that was refused, as PostgreSQL says it in a transaction that has failed. */
export function transactionIsAborted({ refusal: cause }: Session): Error {
  return Object.assign(
    new Error('current transaction is aborted, commands ignored until end of transaction block'),
    { code: '25P02', severity: 'ERROR', cause },
  );
}
