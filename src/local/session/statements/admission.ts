import type { Refusal, Statement } from '../../../sql';
import type { Participant } from '../../concurrency/participant';
import { isCut, type Cut, type FaultInjector } from '../../faults/fault-injector';
import { checkBefore, refusalHolds, type Ask } from '../../limits/catalogue-checks';
import { exceededSize, type Limits } from '../../limits/limits';
import type { ConnectionTrace } from '../../trace';
import { SCHEMA_CONFLICT, TRANSACTION_ABORTED } from '../client-error';
import type { CurrentTransaction } from './transaction';

/** What speaks for or against a statement; all of it belongs to one session. */
export interface AdmissionParts {
  readonly current: CurrentTransaction;
  readonly participant: Participant;
  readonly faults: FaultInjector;
  readonly limits: Limits;
  readonly trace: ConnectionTrace;
  readonly ask: Ask;
  /** Cuts the client off, and lets nothing more be done for it. */
  readonly cut: (cut: Cut) => never;
}

/** Admits the statements of one session: prepares its transaction for them, or says what they must be refused with. */
export class StatementAdmission {
  readonly #current: CurrentTransaction;
  readonly #participant: Participant;
  readonly #faults: FaultInjector;
  readonly #limits: Limits;
  readonly #trace: ConnectionTrace;
  readonly #ask: Ask;
  readonly #cut: (cut: Cut) => never;

  constructor({ current, participant, faults, limits, trace, ask, cut }: AdmissionParts) {
    this.#current = current;
    this.#participant = participant;
    this.#faults = faults;
    this.#limits = limits;
    this.#trace = trace;
    this.#ask = ask;
    this.#cut = cut;
  }

  /** The statement with what it does by way of functions. */
  resolve(statement: Statement): Promise<Statement> | Statement {
    return this.#limits.functions.resolve(statement, this.#current.transaction?.createdFunctions ?? []);
  }

  /** Whether what the parser would have a statement refused with holds in this session now. */
  async isRefused(statement: Statement): Promise<boolean> {
    return statement.refusal !== undefined && refusalHolds(statement, this.#ask);
  }

  /** What the statement must be refused with at this point. */
  async refusalOf(statement: Statement): Promise<Refusal | undefined> {
    this.#trace.statement(statement);
    // A failed transaction answers everything alike; what PostgreSQL can read it answers itself.
    if (this.#current.hasFailed) return statement.refusal && TRANSACTION_ABORTED;
    await this.attend(statement);
    if (await this.isRefused(statement)) return statement.refusal;
    const stale = await this.staleness(statement);
    if (stale) return stale;
    const transaction = this.#current.open();
    const refusal = transaction.admit(statement, this.#current.now());
    if (refusal) return refusal;
    if (statement.kind !== 'commit' && statement.kind !== 'rollback' && this.#participant.refusal) {
      return this.#participant.refusal;
    }
    const fault = this.#faults.beforeStatement(statement);
    if (fault && isCut(fault)) {
      this.#trace.cut('statement');
      return this.#cut(fault);
    }
    if (fault) return fault;
    if (statement.kind === 'commit' && transaction.mayExceedSize && !this.#participant.isPrivate) {
      return exceededSize(this.#ask, transaction.tables, 'all');
    }
    return checkBefore(statement)?.(this.#ask);
  }

  /**
   * Prepares the transaction for something that looks at it: a statement that is to be parsed, described or executed.
   *
   * @param statement - absent if it cannot be read
   */
  async attend(statement: Statement | undefined): Promise<void> {
    const kind = statement?.kind;
    if (kind === 'rollback' || this.#current.hasFailed) return;
    if (kind !== 'begin' && kind !== 'session' && kind !== 'commit') this.#participant.takesSnapshot();
    if (!this.#participant.isDisplaced) return;
    await this.#participant.restore(kind === 'commit' ? 'for commit' : 'for a statement');
  }

  /**
   * Says that a statement, which {@link StatementAdmission.attend} was called for, is against a table of which this session
   * has read the catalogue too long ago.
   */
  async staleness(statement: Statement | undefined): Promise<Refusal | undefined> {
    if (!statement || this.#current.hasFailed) return undefined;
    return (await this.#participant.meetsStaleCatalogue(statement)) ? SCHEMA_CONFLICT : undefined;
  }
}
