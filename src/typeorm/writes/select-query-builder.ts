import type { EntityManager, QueryRunner } from 'typeorm';

/** What of a query builder that writes is used here; the host's types hide some of it. */
interface WritingBuilder {
  readonly queryRunner?: QueryRunner | undefined;
  readonly expressionMap: { readonly useTransaction: boolean };
  setQueryRunner(queryRunner: QueryRunner | undefined): unknown;
  execute(): Promise<unknown>;
}

/** The methods of a query builder that make one that writes. */
const WRITES = ['insert', 'update', 'delete', 'softDelete', 'restore'] as const;

type Builders = Record<(typeof WRITES)[number], (...args: unknown[]) => WritingBuilder>;

/**
 * Lets the transactions of `useTransaction(true)` be managed ones. The host begins one on a query runner of its own and
 * runs it once, so that its conflict would surface from a single statement.
 *
 * @param builder - what it makes is changed, and not its class
 * @param manager - runs the transaction of a builder that has no query runner
 */
export function manageTransactionsOf(builder: object, manager: EntityManager): void {
  const builders = builder as Builders;
  for (const name of WRITES) {
    const host = builders[name].bind(builder);
    builders[name] = (...args) => {
      const writing = host(...args);
      const execute = writing.execute.bind(writing);
      writing.execute = () => executeManaged(writing, execute, manager);
      return writing;
    };
  }
}

async function executeManaged(
  writing: WritingBuilder,
  execute: () => Promise<unknown>,
  manager: EntityManager,
): Promise<unknown> {
  const { queryRunner, expressionMap } = writing;
  if (!expressionMap.useTransaction || queryRunner?.isTransactionActive === true) return execute();
  return (queryRunner?.manager ?? manager).transaction(async (inner) => {
    writing.setQueryRunner(inner.queryRunner);
    try {
      return await execute();
    } finally {
      writing.setQueryRunner(queryRunner);
    }
  });
}
