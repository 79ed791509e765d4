import {
  classifyError,
  CommitOutcomeUnknownError,
  isOccConflict,
  NestedTransactionError,
  RetryExhaustedError,
  TokenSigningError,
  UnsupportedFeatureError,
} from 'aurora-dsql-orm';
import { DatabaseError as SequelizeDatabaseError } from 'sequelize';
import { QueryFailedError } from 'typeorm';
import { TransactionRunner, type RunOptions } from '../../src/occ';

const wrappers: [string, (error: Error) => unknown][] = [
  ['nothing', (error) => error],
  ['a cause', (cause) => new Error('outer', { cause })],
  ['TypeORM', (error) => new QueryFailedError('COMMIT', [], error)],
  ['Sequelize', (error) => new SequelizeDatabaseError(Object.assign(error, { sql: 'COMMIT' }))],
  ['an AggregateError', (error) => new AggregateError([error], 'several')],
  [
    'all of them',
    (error) =>
      new Error('outer', {
        cause: new QueryFailedError('COMMIT', [], new Error('middle', { cause: error })),
      }),
  ],
];

describe('a conflict is seen', () => {
  it.each(wrappers)('through %s', (_, wrap) => {
    expect(isOccConflict(wrap(reported('40001', 'change conflicts with another transaction (OC000)')))).toBe(
      true,
    );
    expect(isOccConflict(wrap(reported('23505', 'duplicate key')))).toBe(false);
  });

  it('only when a server reported it', () => {
    expect(isOccConflict(Object.assign(new Error('change conflicts (OC000)'), { code: '40001' }))).toBe(
      false,
    );
    expect(isOccConflict(Object.assign(new Error('connect'), { code: 'ECONNRESET' }))).toBe(false);
    expect(isOccConflict(undefined)).toBe(false);
  });

  it('but not where it ended the connection under COMMIT, so that nobody knows', () => {
    const fatal = Object.assign(reported('40001', 'terminating connection (OC000)'), { severity: 'FATAL' });
    const error = new CommitOutcomeUnknownError({ cause: fatal });
    expect(isOccConflict(new Error('outer', { cause: error }))).toBe(false);
    expect(classifyError(error)).toMatchObject({ kind: 'outcome-unknown', isRetryable: false });
  });

  it('although errors wrap each other in a circle', () => {
    const circle = new Error('a');
    circle.cause = new Error('b', { cause: circle });
    expect(isOccConflict(circle)).toBe(false);
  });
});

describe('classifyError', () => {
  it.each([
    ['data-conflict', true, reported('40001', 'change conflicts with another transaction (OC000)')],
    [
      'data-conflict',
      true,
      reported('40001', 'mutation conflicts with another transaction, retry as needed'),
    ],
    ['schema-conflict', true, reported('40001', 'schema has been updated by another transaction (OC001)')],
    ['transaction-limit', false, reported('54000', 'transaction row limit exceeded')],
    ['connection-limit', true, reported('53300', 'Unable to accept connection, too many open connections.')],
    ['connection-rate', true, reported('53400', 'Unable to accept connection, rate exceeded.')],
    ['token', false, reported('28000', 'unable to accept connection, access denied')],
    ['token', false, new TokenSigningError('no-credentials', { user: 'admin', host: 'h' })],
    ['unsupported', false, reported('0A000', 'unsupported statement: Truncate')],
    ['unsupported', false, new UnsupportedFeatureError('savepoints', 'Do without.')],
    ['unsupported', false, new NestedTransactionError()],
    ['unavailable', false, reported('XX000', 'server unavailable')],
    [
      'outcome-unknown',
      false,
      new CommitOutcomeUnknownError({ cause: reported('XX000', 'server unavailable') }),
    ],
    ['data-conflict', true, new RetryExhaustedError(3, 5, { cause: reported('40001', '(OC000)') })],
    ['other', false, reported('23505', 'duplicate key')],
    ['other', false, 'no error at all'],
  ])('finds %s (retryable: %s)', (kind, isRetryable, error) => {
    const found = classifyError(error);
    expect(found).toMatchObject({ kind, isRetryable });
    expect(found.hint).not.toBe('');
    expect(classifyError({ cause: error })).toStrictEqual(found);
  });
});

describe('an attempt whose outcome is unknown', () => {
  it.each([
    ['a conflict', '40001', 'change conflicts with another transaction (OC000)'],
    ['a cluster that wakes up', 'XX000', 'unable to accept connection, waking up cluster'],
  ])('is not made again, though the connection ended with what %s says', async (_, code, message) => {
    const cause = Object.assign(reported(code, message), { severity: 'FATAL' });
    const lost = new CommitOutcomeUnknownError({ cause });
    let attempts = 0;
    const running = new TransactionRunner().run({
      attempt: (attempt) => {
        attempts++;
        attempt.returned = { value: undefined };
        return Promise.reject(lost);
      },
    });
    await expect(running).rejects.toBe(lost);
    expect(attempts).toBe(1);
  });
});

describe('an attempt that is known not to have been committed', () => {
  const lost = new CommitOutcomeUnknownError({ cause: new Error('Connection terminated') });

  it('is no unknown outcome when no attempt is left', async () => {
    const run = (options: RunOptions) =>
      new TransactionRunner().run(
        {
          attempt: (attempt) => {
            attempt.returned = { value: undefined };
            return Promise.reject(lost);
          },
          settle: () => Promise.resolve(false),
        },
        options,
      );
    for (const options of [{ maxAttempts: 2, baseDelayMs: 0 }, { retry: false }]) {
      const error: unknown = await run(options).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(RetryExhaustedError);
      expect(error).toMatchObject({ attempts: options.maxAttempts ?? 1, cause: { cause: lost } });
      expect(String(error)).toContain('was not committed');
      expect(classifyError(error)).toMatchObject({ kind: 'not-committed', isRetryable: true });
    }
  });
});

function reported(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR' });
}
