import { subscribe } from 'node:diagnostics_channel';
import { connectionChannels } from 'aurora-dsql-orm';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import { atlas } from './atlas';
import { bank, sum, type Report } from './bank';

/** Starts a local DSQL, runs both apps on it, prints what happened, and fails when any figure is wrong. */
async function main(): Promise<void> {
  const startedAt = performance.now();
  const local = await startLocalDsql();
  console.log(`A local DSQL answers as ${local.host} (${seconds(startedAt)} s).\n`);
  const count = { connections: 0, tokens: 0 };
  subscribe(connectionChannels.connectionOpened.name, () => count.connections++);
  subscribe(connectionChannels.tokenSigned.name, () => count.tokens++);
  try {
    // The apps read their environment, as they would beside a real cluster.
    Object.assign(process.env, await local.env());
    const table: Record<string, Figures> = {};
    const wrong: string[] = [];
    for (const [name, load] of Object.entries(apps)) {
      Object.assign(count, { connections: 0, tokens: 0 });
      const appStartedAt = performance.now();
      const report = await (await load()).run();
      const figures = { ...report, ...count };
      table[name] = { ...figures, seconds: Number(seconds(appStartedAt)) };
      wrong.push(...faults(figures).map((fault) => `${name}: ${fault}`));
    }
    console.table(transpose(table));
    for (const fault of wrong) console.error(`WRONG  ${fault}`);
    if (wrong.length > 0) process.exitCode = 1;
    else
      console.log(
        `The balances add up to what they were, and every figure is right (${seconds(startedAt)} s).`,
      );
  } finally {
    await local.stop();
  }
}

const apps = {
  TypeORM: () => import('./typeorm'),
  Sequelize: () => import('./sequelize'),
};

type Figures = Report & { connections: number; tokens: number; seconds?: number };

function faults(figures: Figures): string[] {
  const expected: Partial<Figures> = {
    countries: atlas.countries.length,
    currencies: sum(atlas.countries.map(({ currencyCodes }) => currencyCodes.length)),
    languages: sum(atlas.countries.map(({ languageCodes }) => languageCodes.length)),
    borders: sum(atlas.countries.map(({ neighbourCodes }) => neighbourCodes.length)),
    transfers: bank.transfers,
    balanceBefore: bank.accounts * bank.openingBalance,
    balanceAfter: bank.accounts * bank.openingBalance,
    tokens: figures.connections,
    retries: figures.conflicts,
  };
  const wrong = Object.entries(expected).flatMap(([name, value]) => {
    const actual = figures[name as keyof Figures];
    return actual === value ? [] : [`${name} is ${actual}, and should be ${value}`];
  });
  if (figures.conflicts === 0) wrong.push('no transaction met a conflict, so none was retried');
  // Migrations are journalled on a connection of their own.
  if (figures.connections > 11) wrong.push(`${figures.connections} connections were opened for a pool of 10`);
  return wrong;
}

function transpose(table: Record<string, Figures>): Record<string, Record<string, number>> {
  const rows: Record<string, Record<string, number>> = {};
  for (const [column, figures] of Object.entries(table)) {
    for (const [row, value] of Object.entries(figures)) (rows[row] ??= {})[column] = value as number;
  }
  return rows;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

void main();
