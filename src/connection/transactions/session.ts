/**
 * What a connection is doing:
 * - `idle`: the server has said that no transaction is open, and none was begun since;
 * - `begun`: BEGIN was answered here and not sent; it travels with the next statement;
 * - `beginning`: BEGIN was written with the first statement, and the server has not answered it;
 * - `open`: the server has said that a transaction is open;
 * - `failed`: the server has said that an error has ended what the transaction can do, but for ROLLBACK;
 * - `refused`: the server has refused BEGIN, so nothing of the transaction may run until its caller ends it;
 * - `broken`: the client has failed, or the connection has ended. Nothing is sent any more.
 */
export type SessionPhase = 'idle' | 'begun' | 'beginning' | 'open' | 'failed' | 'refused' | 'broken';

/** The transaction status in ReadyForQuery: idle, in a transaction, in one that has failed. */
export type ReportedStatus = 'I' | 'T' | 'E';

const phaseOf = { I: 'idle', T: 'open', E: 'failed' } as const satisfies Record<ReportedStatus, SessionPhase>;

/**
 * The state of one connection, and the only place that decides it.
 *
 * There are three kinds of events. What the **server** says ({@link Session.serverIsReady},
 * {@link Session.beginWasAccepted}, {@link Session.beginWasRefused}) moves it on. What the **caller** asks for and needs
 * no server ({@link Session.begin}, {@link Session.end}) is allowed only where nothing was written. When the **client**
 * fails ({@link Session.break}) nobody knows what the server is doing, so the connection is destroyed.
 */
export class Session {
  #phase: SessionPhase = 'idle';
  /** Whether a transaction was open when the connection broke. */
  #brokeInTransaction = false;
  #unsentBegin = '';
  #refusal: Error | undefined;
  #breakReason: Error | undefined;
  #lostCommit: Error | undefined;
  #atReady: (() => void) | undefined;
  /** How often the server was ready: once for the connection itself. */
  #timesReady = 0;
  #unanswered = 0;
  #unansweredControls = 0;
  readonly #destroy: () => void;

  /** @param destroy - ends the connection at once, whatever is under way on it */
  constructor(destroy: () => void) {
    this.#destroy = destroy;
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** Whether a transaction was begun, and its caller has not ended it as far as is known. */
  get isInTransaction(): boolean {
    return this.#phase === 'broken' ? this.#brokeInTransaction : this.#phase !== 'idle';
  }

  /** Whether the answer to a query is to come. */
  get isAwaiting(): boolean {
    return this.#unanswered > 0;
  }

  /** Whether no transaction is open and nothing is waited for. */
  get isQuiet(): boolean {
    return this.#phase === 'idle' && !this.isAwaiting;
  }

  /** Whether the server has answered no query yet. */
  get isFirst(): boolean {
    return this.#timesReady <= 1;
  }

  /** The text of the BEGIN that waits for its first statement. */
  get unsentBegin(): string {
    return this.#unsentBegin;
  }

  /** Why the server refused BEGIN. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** What the client has failed with. */
  get breakReason(): Error | undefined {
    return this.#breakReason;
  }

  /**
   * What was reported of a COMMIT whose outcome is unknown: a second COMMIT has no other answer, least of all that nothing
   * was done.
   */
  get lostCommit(): Error | undefined {
    return this.#lostCommit;
  }

  /**
   * The caller has asked for a query, which may have to wait for others.
   *
   * @param controlsTransaction - whether it may begin or end a transaction
   * @returns to be called when it is answered
   */
  awaitAnswer(controlsTransaction: boolean): () => void {
    const controls = controlsTransaction ? 1 : 0;
    this.#unanswered++;
    this.#unansweredControls += controls;
    return () => {
      this.#unanswered--;
      this.#unansweredControls -= controls;
    };
  }

  /** The caller will send nothing more: whether nothing that it has asked for can reach into what another one sends. */
  endUse(): boolean {
    // Nothing of it is on the server, nor waits to be sent.
    if ((this.#phase === 'begun' || this.#phase === 'refused') && this.#unanswered === 0) this.end();
    return this.#phase === 'idle' && this.#unansweredControls === 0;
  }

  /** The outcome of a COMMIT is unknown. */
  commitWasLost(error: Error): void {
    this.#lostCommit = error;
  }

  /** The caller begins a transaction: BEGIN is kept for its first statement. */
  begin(text: string): void {
    this.#phase = 'begun';
    this.#lostCommit = undefined;
    this.#unsentBegin = text;
  }

  /** The caller ends a transaction of which the server has nothing. */
  end(): void {
    this.#phase = 'idle';
    this.#refusal = undefined;
  }

  /** BEGIN was written. */
  beginWasSent(): void {
    this.#phase = 'beginning';
  }

  /** The server has answered BEGIN. */
  beginWasAccepted(): void {
    if (this.#phase === 'beginning') this.#phase = 'open';
  }

  /** The server has answered BEGIN with an error, and skips the statement that came with it. */
  beginWasRefused(error: Error): void {
    if (this.#phase !== 'beginning') return;
    this.#phase = 'refused';
    this.#refusal = error;
  }

  /** The server has answered all that was sent, and says how it has left the session. */
  serverIsReady(status: ReportedStatus): void {
    this.#timesReady++;
    const isSettled = this.#phase === 'broken' || this.#phase === 'refused';
    if (!isSettled) this.#phase = phaseOf[status];
    this.#tellReady();
  }

  /** The client has failed while an answer was due. What the server makes of the transaction is not known. */
  break(reason?: Error): void {
    if (this.#phase === 'broken') return;
    this.#becomeBroken();
    this.#breakReason = reason;
    this.#destroy();
  }

  /** The connection has ended. */
  connectionHasEnded(): void {
    this.#becomeBroken();
    this.#tellReady();
  }

  /** Runs `report` when the server has said how an error has left the session, or can say it no more. */
  whenReady(report: () => void): void {
    if (this.#phase === 'broken') report();
    else this.#atReady = report;
  }

  #becomeBroken(): void {
    this.#brokeInTransaction = this.isInTransaction;
    this.#phase = 'broken';
  }

  #tellReady(): void {
    const report = this.#atReady;
    this.#atReady = undefined;
    report?.();
  }
}
