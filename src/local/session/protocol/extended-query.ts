import { parseQuery, positionInQuery, type Statement } from '../../../sql';
import type { ConnectionTrace } from '../../trace';
import { parse, readBind, readExecute, readParse, readTarget } from '../../wire/client-messages';
import type { Message } from '../../wire/message-buffer';
import type { Answers } from '../answers';
import type { BackendLink } from '../backend-link';
import { TRANSACTION_ABORTED } from '../client-error';
import { describedAs } from './described-as';
import { textForBackend } from '../own-statements';
import { readQueryText, unreadable } from './query-text';
import { isRefusal, type StatementBook } from '../statement-book';
import type { StatementAdmission } from '../statements/admission';
import type { StatementRunner } from '../statements/statement-runner';

/** What the messages of a client are served with; all of it belongs to one session. */
export interface QueryParts {
  readonly link: BackendLink;
  readonly answers: Answers;
  readonly book: StatementBook;
  readonly runner: StatementRunner;
  readonly trace: ConnectionTrace;
}

const SYNTAX_ERROR = '42601';

/** Serves the messages of the extended protocol, one at a time. */
export class ExtendedQuery {
  readonly #link: BackendLink;
  readonly #answers: Answers;
  readonly #book: StatementBook;
  readonly #runner: StatementRunner;
  readonly #admission: StatementAdmission;
  readonly #trace: ConnectionTrace;

  constructor({ link, answers, book, runner, trace }: QueryParts) {
    this.#link = link;
    this.#answers = answers;
    this.#book = book;
    this.#runner = runner;
    this.#admission = runner.admission;
    this.#trace = trace;
  }

  /** Parse. */
  async prepare({ body }: Message): Promise<void> {
    const request = readParse(body);
    const { text, encode } = readQueryText(request.text, this.#link.parameters.get('client_encoding'));
    const { statements, error, text: adapted } = parseQuery(text);
    if (error && (error.ownWords || error.sqlstate !== SYNTAX_ERROR)) {
      await this.#runner.refuse(unreadable(error), error.position);
      return;
    }
    const [statement] = statements;
    await this.#admission.attend(statement);
    if (statement?.refusal && (this.#runner.failed || (await this.#admission.isRefused(statement)))) {
      await this.#runner.refuse(this.#runner.failed ? TRANSACTION_ABORTED : statement.refusal);
      return;
    }
    // Several statements, or none that can be read, are PostgreSQL's to refuse.
    const single = statements.length === 1 ? statement : undefined;
    if (await this.#isStale(single)) return;
    const prepared = {
      text: encode(single ? textForBackend(single) : adapted),
      parameterTypes: request.parameterTypes,
      statement: single,
    };
    this.#book.prepare(request.name, prepared);
    this.#runner.relay(parse(request.name, prepared.text, prepared.parameterTypes), '1', {
      confirms: true,
      clientPosition: single && ((position) => positionInQuery(text, single, position)),
    });
  }

  /** Refuses what is against a table of which the session has read the catalogue too long ago. */
  async #isStale(statement: Statement | undefined): Promise<boolean> {
    const stale = await this.#admission.staleness(statement);
    if (!stale || !statement) return false;
    this.#trace.statement(statement);
    await this.#runner.refuse(stale);
    return true;
  }

  /** Bind. */
  async bind({ bytes, body }: Message): Promise<void> {
    const request = readBind(body);
    const prepared = this.#book.statement(request.statement);
    if (isRefusal(prepared)) {
      await this.#runner.refuse(prepared);
      return;
    }
    await this.#admission.attend(prepared.statement);
    if (await this.#isStale(prepared.statement)) return;
    const { values, binaryResult } = request;
    this.#book.bind(request.portal, { prepared, values, binaryResult, progress: 'bound' });
    this.#runner.relay(bytes, '2', { confirms: true });
  }

  /** Describe. */
  async describe({ bytes, body }: Message): Promise<void> {
    const { target, name } = readTarget(body);
    const found = target === 'S' ? this.#book.statement(name) : this.#book.portal(name);
    if (isRefusal(found)) {
      await this.#runner.refuse(found);
      return;
    }
    const prepared = 'prepared' in found ? found.prepared : found;
    await this.#admission.attend(prepared.statement);
    if (await this.#isStale(prepared.statement)) return;
    const binary = 'prepared' in found && found.binaryResult;
    this.#runner.queue({
      bytes,
      ends: 'Tn',
      receive: (message) => {
        this.#answers.send(describedAs(message, prepared.statement, binary));
      },
    });
  }

  /**
   * Execute.
   *
   * @param last - whether nothing but Sync follows in its unit
   */
  async execute({ bytes, body }: Message, last: boolean): Promise<'copied' | undefined> {
    const { portal: name, maxRows } = readExecute(body);
    const portal = this.#book.portal(name);
    if (isRefusal(portal)) {
      await this.#runner.refuse(portal);
      return undefined;
    }
    const { statement: parsed, text, parameterTypes } = portal.prepared;
    if (!parsed) {
      this.#runner.relay(bytes, 'I');
      return undefined;
    }
    const statement = await this.#admission.resolve(parsed);
    const source = { text, parameterTypes, values: portal.values, maxRows };
    return this.#runner.execute({ statement, bytes, source, portal, simple: false, last });
  }

  /** Close. */
  close({ bytes, body }: Message): void {
    const { target, name } = readTarget(body);
    this.#book.close(target, name);
    this.#runner.relay(bytes, '3', { confirms: true });
  }
}
