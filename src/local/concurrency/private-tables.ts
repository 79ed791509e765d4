import { quotedTable } from '../../sql';
import type { TableName } from '../../sql';
import { sleep } from '../real-time';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import { BackendError } from '../session/backend-link';
import type { BackendLink } from '../session/backend-link';
import { distinctTargets, tableList } from './judge';
import type { LoggedStatement } from './logged-statement';
import type { Member } from './member';
import type { OpenTransaction } from './open-transaction';
import type { PrivateRoom } from './private-room';
import { DEADLOCK } from './error-fields';
import type { Replay } from './replay';

const MAX_ATTEMPTS = 10;

/** What belongs to the session that has the tables. */
export interface PrivateTablesParts {
  readonly link: BackendLink;
  readonly replay: Replay;
  readonly room: PrivateRoom;
  readonly occupant: Member;
  /** Gives up what the transaction has done, in PostgreSQL. */
  readonly rollBack: () => Promise<void>;
}

/** Copies of the tables that a transaction uses which has lost, where it goes on and nobody sees it. */
export class PrivateTables {
  readonly #parts: PrivateTablesParts;

  constructor(parts: PrivateTablesParts) {
    this.#parts = parts;
  }

  /** Gives the transaction tables of its own and executes its log there; false when that is not possible. */
  async enter(
    transaction: OpenTransaction,
    what: readonly LoggedStatement[] | 'every table',
  ): Promise<boolean> {
    const { room, occupant, rollBack } = this.#parts;
    let targets = what === 'every table' ? undefined : distinctTargets([...transaction.log, ...what]);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await rollBack();
      await room.enter(occupant);
      const failure = await this.#copy(transaction, targets).catch((error: unknown) => {
        room.left(occupant);
        throw error;
      });
      if (failure === undefined) {
        transaction.whereabouts = 'private';
        return true;
      }
      // A function or a search_path of its own may have led it to other tables than its text says.
      if (failure === '40001' && targets) targets = undefined;
      else if (failure !== DEADLOCK) break;
      await sleep(Math.random() * (attempt - 1));
    }
    await rollBack();
    room.left(occupant);
    transaction.whereabouts = 'displaced';
    transaction.isLost = true;
    transaction.verdict ??= transaction.hasDdl ? SCHEMA_CONFLICT : DATA_CONFLICT;
    return false;
  }

  /**
   * Copies tables, every one if none are named, and executes the log there.
   *
   * @returns why it failed: an SQLSTATE or `different`
   */
  async #copy(
    transaction: OpenTransaction,
    tables: readonly TableName[] | undefined,
  ): Promise<string | undefined> {
    const { link, replay } = this.#parts;
    try {
      if (!tables) await link.hidden('SELECT pg_dsql_local.privatize(NULL)');
      else if (tables.length > 0) {
        const names = tables.map(quotedTable);
        await link.hidden(`SELECT pg_dsql_local.privatize(${tableList(tables)})`, names);
      }
      return await replay.run(transaction, 'private', true);
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      return error.sqlstate;
    }
  }
}
