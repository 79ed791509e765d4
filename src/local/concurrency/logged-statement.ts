import type { Statement } from '../../sql';
import type { BackendLink, Outcome, Step } from '../session/backend-link';
import type { OwnStatement } from '../session/own-statements';
import { bind, close, describe, execute, parse } from '../wire/client-messages';
import type { Message } from '../wire/message-buffer';

/** A statement as PostgreSQL was given it, in the client's encoding. */
export interface StatementSource {
  readonly text: Buffer;
  /** The count and OIDs of the declared parameter types, as sent. */
  readonly parameterTypes: Buffer;
  /** Formats, values and result formats, as sent. */
  readonly values: Buffer;
  /** At most this many rows were asked for; 0 is all. */
  readonly maxRows: number;
}

/** What we did for a statement that only DSQL has, and the id of the job that began. */
export interface OwnWork {
  readonly statement: OwnStatement;
  readonly jobId: string | null;
}

/** A statement that a transaction has executed, so that it can be executed again. */
export interface LoggedStatement {
  readonly statement: Statement;
  readonly source: StatementSource;
  /** What the client was told by it; absent where that need not be the same again. */
  answer?: readonly Message[] | undefined;
  /** What we did for it besides. */
  own?: OwnWork;
  /** The messages with the data of a COPY, its end included. */
  readonly copyData?: Buffer | undefined;
}

/** What came of executing a statement again. */
export interface Rerun {
  readonly outcome: Outcome;
  readonly messages: readonly Message[];
  /** The description of the result's columns, where there are any. */
  readonly description?: Message | undefined;
}

const NAME = 'dsql$replay';

/**
 * Executes statements again, in one exchange that ends with the first error. An implicit transaction stays open.
 *
 * @returns an entry for each statement up to the one that failed
 */
export async function rerun(link: BackendLink, statements: readonly LoggedStatement[]): Promise<Rerun[]> {
  const reruns: { messages: Message[]; description?: Message }[] = [];
  const steps = statements.flatMap((logged, index): Step[] => {
    const { text, parameterTypes, values, maxRows } = logged.source;
    const messages: Message[] = [];
    const rerun: { messages: Message[]; description?: Message } = { messages };
    return [
      // A failed attempt may have left the names behind; closing what does not exist is no error.
      { bytes: close('P', NAME), ends: '3', receive: () => (reruns[index] = rerun) },
      { bytes: close('S', NAME), ends: '3' },
      { bytes: parse(NAME, text, parameterTypes), ends: '1' },
      { bytes: bind(NAME, NAME, values), ends: '2' },
      {
        bytes: describe('P', NAME),
        ends: 'Tn',
        receive: (message) => {
          if (message.type === 'T') rerun.description = message;
        },
      },
      {
        // PostgreSQL takes the data of a COPY from what follows its Execute.
        bytes: logged.copyData
          ? Buffer.concat([execute(NAME, maxRows), logged.copyData])
          : execute(NAME, maxRows),
        ends: 'CsI',
        receive: (message) => {
          if (message.type !== 'G') messages.push(message);
        },
      },
    ];
  });
  const outcome = await link.hiddenExchange(steps, 'flush');
  const done = reruns.map((one): Rerun => ({ ...one, outcome: {} }));
  const last = done.at(-1);
  if (outcome.error && last) done[done.length - 1] = { ...last, outcome };
  return done;
}

/**
 * Whether a client that was told `told` would have been told the same by `again`. The order of rows does not count: it
 * depends on where PostgreSQL finds room for new ones.
 */
export function sameAnswer(told: readonly Message[], again: readonly Message[]): boolean {
  if (told.length !== again.length) return false;
  const [one, other] = [told, again].map((messages) =>
    messages.map(({ bytes }) => bytes.toString('latin1')).sort(),
  );
  return one?.every((bytes, index) => bytes === other?.[index]) ?? false;
}
