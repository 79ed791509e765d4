import { parseQuery, positionInQuery, type Statement } from '../../../sql';
import { bind, describe, execute, parse, textValues } from '../../wire/client-messages';
import { count, emptyQueryResponse } from '../../wire/server-messages';
import type { Answers } from '../answers';
import type { BackendLink } from '../backend-link';
import { describedAs } from './described-as';
import type { QueryParts } from './extended-query';
import { textForBackend } from '../own-statements';
import { genericPlanText, strayParameter } from './parameters';
import { readQueryText, unreadable } from './query-text';
import type { StatementBook } from '../statement-book';
import type { StatementAdmission } from '../statements/admission';
import type { StatementRunner } from '../statements/statement-runner';

/** The parameters of a simple Query, which has none, in a Parse and in a Bind. */
const NO_PARAMETERS = count(0);
const NO_VALUES = textValues([]);

/** Runs a simple Query as the messages of the extended protocol that amount to it. */
export class SimpleQuery {
  readonly #link: BackendLink;
  readonly #answers: Answers;
  readonly #book: StatementBook;
  readonly #runner: StatementRunner;
  readonly #admission: StatementAdmission;

  constructor({ link, answers, book, runner }: QueryParts) {
    this.#link = link;
    this.#answers = answers;
    this.#book = book;
    this.#runner = runner;
    this.#admission = runner.admission;
  }

  /** Answers all of its statements, and says that the next unit may come. */
  async serve(bytes: Buffer): Promise<void> {
    this.#book.forgetUnnamed();
    const { text, encode } = readQueryText(bytes, this.#link.parameters.get('client_encoding'));
    const { statements, error, text: adapted } = parseQuery(text);
    if (error && !error.ownWords) {
      // PostgreSQL reports it in its own words.
      this.#runner.queue({ bytes: parse('', encode(adapted)), ends: '1' });
      await this.#runner.flush();
    }
    if (error && !this.#runner.skipping) {
      await this.#runner.refuse(unreadable(error), error.position);
    } else if (!error && statements.length === 0) {
      this.#answers.send(emptyQueryResponse);
    }
    for (const [index, parsed] of statements.entries()) {
      if (this.#runner.skipping) break;
      const positionInText = (position: number) => positionInQuery(text, parsed, position);
      await this.#execute(parsed, { encode, positionInText, last: index === statements.length - 1 });
    }
    await this.#runner.sync();
  }

  async #execute(parsed: Statement, { encode, positionInText, last }: Place): Promise<void> {
    const statement = await this.#admission.resolve(parsed);
    const refusal = await this.#admission.refusalOf(statement);
    if (refusal) {
      await this.#runner.refuse(refusal, undefined, statement);
      return;
    }
    const stray = strayParameter(statement);
    const generic = stray && genericPlanText(statement);
    if (stray && !generic) {
      this.#runner.queue({
        bytes: parse('', encode(stray.text)),
        ends: '1',
        clientPosition: (position) => positionInText(stray.positionInStatement(position)),
      });
      await this.#runner.flush();
      await this.#runner.refuse(stray.refusal, positionInText(stray.position));
      return;
    }
    const text = encode(generic ?? textForBackend(statement));
    this.#prepare(text, statement, positionInText);
    await this.#runner.execute(
      {
        statement,
        bytes: execute(''),
        source: { text, parameterTypes: NO_PARAMETERS, values: NO_VALUES, maxRows: 0 },
        simple: true,
        last,
        ...(generic && { tag: 'EXPLAIN' }),
      },
      { admitted: true },
    );
  }

  #prepare(text: Buffer, statement: Statement, clientPosition: Place['positionInText']): void {
    this.#runner.queue(
      { bytes: parse('', text), ends: '1', clientPosition },
      { bytes: bind('', ''), ends: '2', clientPosition },
      {
        bytes: describe('P', ''),
        ends: 'Tn',
        receive: (message) => {
          const described = describedAs(message, statement, false);
          if (described[0] === 'T'.charCodeAt(0)) this.#answers.send(described);
        },
      },
    );
  }
}

/** Where a statement is in the text of a Query. */
interface Place {
  /** To bytes in the client's encoding. */
  readonly encode: (text: string) => Buffer;
  /** From a position in the statement as PostgreSQL was given it. */
  readonly positionInText: (position: number) => number;
  readonly last: boolean;
}
