import type { BackendLink, Step } from '../session/backend-link';
import { bind, close, execute, parse } from '../wire/client-messages';

const SAVEPOINT = 'dsql$savepoint';
const ROLLBACK_TO = 'dsql$rollback';
const PORTAL = 'dsql$control';

/** The hidden savepoint of one session's transactions, behind their BEGIN. */
export class Savepoint {
  readonly #link: BackendLink;
  /** PostgreSQL knows the statements for the savepoint. */
  #isPrepared = false;

  constructor(link: BackendLink) {
    this.#link = link;
  }

  /** The messages that set it; `onDone` hears that it is there. */
  set(onDone?: () => void): Step[] {
    return this.#control(SAVEPOINT, onDone);
  }

  /** Gives up what came behind it, and the locks of that. */
  async rollBack(): Promise<void> {
    await this.#link.hiddenExchange(this.#control(ROLLBACK_TO), 'sync');
  }

  /** PostgreSQL has forgotten every prepared statement. */
  forgetPrepared(): void {
    this.#isPrepared = false;
  }

  /** The messages that execute one of our statements; `onDone` hears that it was. */
  #control(name: string, onDone?: () => void): Step[] {
    const prepare = this.#isPrepared
      ? []
      : [
          ...prepared(SAVEPOINT, 'SAVEPOINT dsql'),
          ...prepared(ROLLBACK_TO, 'ROLLBACK TO SAVEPOINT dsql', () => {
            this.#isPrepared = true;
          }),
        ];
    return [
      ...prepare,
      { bytes: bind(PORTAL, name), ends: '2' },
      { bytes: execute(PORTAL), ends: 'C', ...(onDone && { receive: onDone }) },
      { bytes: close('P', PORTAL), ends: '3' },
    ];
  }
}

function prepared(name: string, sql: string, onDone?: () => void): Step[] {
  return [
    { bytes: close('S', name), ends: '3' },
    { bytes: parse(name, Buffer.from(sql)), ends: '1', ...(onDone && { receive: onDone }) },
  ];
}
