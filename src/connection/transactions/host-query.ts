import { Query, type QueryResult } from 'pg';
import type { WireConnection } from './outbox';

/** What a query answers with, in the place of a promise. */
export type Callback = (error: Error | null | undefined, result?: QueryResult | QueryResult[]) => void;

/** The parts of node-postgres' `Query` that its types leave out. */
export interface HostQuery {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  readonly name: string | undefined;
  readonly rows: number | undefined;
  queryMode: string | undefined;
  callback: Callback | undefined;
  /** Of the statement that is being answered. */
  readonly _result: QueryResult<Record<string, unknown>> & { _types?: unknown };
  binary: boolean | undefined;
  /** What the client failed with when it read a row. */
  _canceledDueToError: Error | false;
  submit(connection: WireConnection): Error | null;
  handleRowDescription(message: object): void;
  handleDataRow(message: object): void;
  handleCommandComplete(message: { text: string }, connection: WireConnection): void;
  handleEmptyQuery(connection: WireConnection): void;
  handleCopyInResponse(connection: WireConnection): void;
  handleError(error: Error, connection: WireConnection): void;
  handleReadyForQuery(connection: WireConnection): void;
}

/** node-postgres' `Query`, with those parts. */
export const BaseQuery = Query as unknown as new (
  config: unknown,
  values: unknown,
  callback: unknown,
) => HostQuery;
