import fc from 'fast-check';
import type { CommitFault } from 'aurora-dsql-orm/local';
import type { NetworkFault } from './unreliable-network';

/** What a program uses to reach the database. */
export type Host = 'DsqlPool' | 'TypeORM' | 'Sequelize';

/** How a statement is written, and whether a client or the server refuses it. */
export type Style =
  | 'parameters'
  | 'literals'
  | 'comment before the verb'
  | 'named'
  | 'two in one text'
  | 'stream'
  | 'read'
  | 'a row that all want'
  | 'values that are no array'
  | 'a value that cannot be serialised'
  | 'a name for two texts'
  | 'a named statement that the server refuses'
  | 'an answer that cannot be read'
  | 'a duplicate key'
  | 'wrong SQL';

/** Something the client meets at a statement or from an operation on, beside the faults of the network. */
export type ClientFault =
  NetworkFault | 'destroyed before' | 'destroyed just after' | 'pause just after' | 'time-out of the query';

export interface Strike {
  readonly fault: ClientFault;
  /** Of the requests that come from now on. */
  readonly nth: number;
}

export interface StatementStep {
  readonly style: Style;
  readonly strike: Strike | undefined;
  /** Whether its error is caught inside the transaction. */
  readonly isCaught: boolean;
}

export type OperationKind =
  | 'autocommit'
  | 'managed'
  | 'unmanaged'
  | 'save'
  | 'find or create'
  | 'stream'
  | 'pipeline'
  | 'one text'
  | 'client of its own';

export interface Operation {
  readonly kind: OperationKind;
  readonly steps: readonly StatementStep[];
  /** Armed before the operation begins, so that it meets what the host sends by itself, and COMMIT. */
  readonly strike: Strike | undefined;
  /** How a transaction is meant to end. */
  readonly ending: 'commit' | 'roll back' | 'leave open' | 'commit, then roll back';
  /** What runs inside a transaction, behind its first statement. */
  readonly inside: 'nothing' | 'inner' | 'swallowed inner' | 'autocommit' | 'parallel';
  readonly control: 0 | 1 | 2;
  readonly abortAfterMs: number | undefined;
}

export type ServerFault =
  | { readonly at: 'commit'; readonly error: CommitFault['error']; readonly committed: boolean }
  | {
      readonly at: 'statement' | 'cut at statement';
      readonly error: CommitFault['error'];
      readonly nth: number;
    }
  | { readonly at: 'before commit' | 'after commit' }
  | { readonly at: 'connection' };

export interface Program {
  readonly host: Host;
  readonly max: number;
  readonly hasQueryTimeout: boolean;
  readonly branches: readonly (readonly Operation[])[];
  readonly serverFaults: readonly ServerFault[];
}

const networkFaults = [
  'hold request',
  'hold answer',
  'cut request',
  'cut answer',
  'pause',
  'destroy',
] as const satisfies readonly NetworkFault[];

const strikeOn = (...more: readonly ClientFault[]): fc.Arbitrary<Strike | undefined> =>
  fc.option(
    fc.record({
      fault: fc.constantFrom<ClientFault>(...networkFaults, 'hold answer', 'hold request', ...more),
      nth: fc.integer({ min: 1, max: 4 }),
    }),
    { nil: undefined, freq: 2 },
  );

const refusals: readonly Style[] = [
  'values that are no array',
  'a value that cannot be serialised',
  'a name for two texts',
  'a named statement that the server refuses',
  'an answer that cannot be read',
  'a duplicate key',
  'wrong SQL',
];

const style: fc.Arbitrary<Style> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom<Style>('parameters', 'literals', 'comment before the verb', 'named'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Style>('two in one text', 'stream', 'read', 'a row that all want'),
  },
  { weight: 3, arbitrary: fc.constantFrom(...refusals) },
);

const step: fc.Arbitrary<StatementStep> = fc.record({
  style,
  strike: fc
    .tuple(
      fc.nat(2),
      strikeOn('destroyed before', 'destroyed just after', 'pause just after', 'time-out of the query'),
    )
    // Most statements meet nothing.
    .map(([chance, strike]) => (chance === 0 ? strike : undefined)),
  isCaught: fc.nat(3).map((chance) => chance === 0),
});

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom<OperationKind>(
    ...(['autocommit', 'autocommit', 'managed', 'managed', 'managed', 'unmanaged', 'unmanaged'] as const),
    ...(['save', 'find or create', 'stream', 'pipeline', 'one text', 'client of its own'] as const),
  ),
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  strike: strikeOn(),
  ending: fc.constantFrom<Operation['ending']>(
    ...([
      'commit',
      'commit',
      'commit',
      'commit',
      'roll back',
      'leave open',
      'commit, then roll back',
    ] as const),
  ),
  inside: fc.constantFrom<Operation['inside']>(
    ...(['nothing', 'nothing', 'nothing', 'nothing', 'nothing', 'inner', 'swallowed inner'] as const),
    ...(['autocommit', 'parallel'] as const),
  ),
  control: fc.constantFrom(0, 1, 2),
  abortAfterMs: fc.option(fc.nat(30), { nil: undefined, freq: 5 }),
});

const error = fc.constantFrom<CommitFault['error']>('OC000', 'OC000', 'OC001', 'XX000');

const serverFault: fc.Arbitrary<ServerFault> = fc.oneof(
  fc.record({ at: fc.constant('commit' as const), error, committed: fc.boolean() }),
  fc.record({
    at: fc.constantFrom('statement' as const, 'cut at statement' as const),
    error,
    nth: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ at: fc.constantFrom('before commit' as const, 'after commit' as const) }),
  fc.record({ at: fc.constant('connection' as const) }),
);

/** Small programs: what goes wrong goes wrong between two or three statements. */
export const program: fc.Arbitrary<Program> = fc.record({
  host: fc.constantFrom<Host>('DsqlPool', 'TypeORM', 'Sequelize'),
  max: fc.integer({ min: 1, max: 4 }),
  hasQueryTimeout: fc.boolean(),
  branches: fc.array(fc.array(operation, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
  serverFaults: fc.oneof(fc.constant([]), fc.array(serverFault, { maxLength: 2 })),
});
