import { runInTransaction } from 'aurora-dsql-orm/typeorm';
import type { DataSource } from 'typeorm';
import { atlas, byKey } from './atlas';
import { bank, moveMoney, sum, type Report } from './bank';
import dataSource from '../typeorm/rest-api/data-source';
import { Account, Country, Currency, Language, Region, Transfer } from '../typeorm/rest-api/entities';

/** Creates the tables, loads the atlas, moves the money. */
export async function run(): Promise<Report> {
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
    await loadAtlas(dataSource);
    return { ...(await countAtlas(dataSource)), ...(await runBank(dataSource)) };
  } finally {
    await dataSource.destroy();
  }
}

async function loadAtlas(dataSource: DataSource): Promise<void> {
  const regions = byKey(await dataSource.getRepository(Region).save(atlas.regions), 'name');
  const currencies = byKey(await dataSource.getRepository(Currency).save(atlas.currencies), 'code');
  const languages = byKey(await dataSource.getRepository(Language).save(atlas.languages), 'code');
  const countries = byKey(
    await dataSource.getRepository(Country).save(
      atlas.countries.map(({ code, name, area, region, currencyCodes, languageCodes }) => ({
        code,
        name,
        area,
        region: regions(region),
        currencies: currencyCodes.map(currencies),
        languages: languageCodes.map(languages),
      })),
    ),
    'code',
  );
  for (const { code, neighbourCodes } of atlas.countries) {
    await dataSource
      .createQueryBuilder()
      .relation(Country, 'borders')
      .of(countries(code).id)
      .add(neighbourCodes.map((neighbour) => countries(neighbour).id));
  }
}

async function countAtlas(dataSource: DataSource) {
  const countries = await dataSource
    .getRepository(Country)
    .find({ relations: { region: true, currencies: true, languages: true, borders: true } });
  return {
    countries: countries.length,
    currencies: sum(countries.map((country) => country.currencies.length)),
    languages: sum(countries.map((country) => country.languages.length)),
    borders: sum(countries.map((country) => country.borders.length)),
  };
}

async function runBank(dataSource: DataSource) {
  const accounts = dataSource.getRepository(Account);
  const opened = await accounts.save(
    Array.from({ length: bank.accounts }, (_, index) => ({
      owner: `customer ${index + 1}`,
      balance: bank.openingBalance,
    })),
  );
  const balanceBefore = await accounts.sum('balance');

  let attempts = 0;
  let conflicts = 0;
  await moveMoney(
    opened.map(({ id }) => id),
    (fromId, toId, amount) =>
      runInTransaction(
        dataSource,
        async (manager) => {
          attempts++;
          const from = await manager.findOneByOrFail(Account, { id: fromId });
          const to = await manager.findOneByOrFail(Account, { id: toId });
          from.balance -= amount;
          to.balance += amount;
          await manager.save([from, to]);
          await manager.insert(Transfer, { from, to, amount });
        },
        { onRetry: () => conflicts++ },
      ),
  );

  return {
    transfers: await dataSource.getRepository(Transfer).count(),
    conflicts,
    retries: attempts - bank.transfers,
    balanceBefore: balanceBefore ?? 0,
    balanceAfter: (await accounts.sum('balance')) ?? 0,
  };
}

if (require.main === module) void run().then(console.table);
