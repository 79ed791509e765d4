import { createDsqlSequelize, runInTransaction } from 'aurora-dsql-orm/sequelize';
import type { Sequelize } from 'sequelize';
import { SequelizeStorage, Umzug } from 'umzug';
import * as createAtlas from '../../migrations-sample/umzug/01-create-atlas';
import * as createBank from '../../migrations-sample/umzug/02-create-bank';
import { atlas, byKey } from './atlas';
import { bank, moveMoney, sum, type Report } from './bank';
import { Account, Country, Currency, defineModels, Language, Region, Transfer } from './sequelize-models';

/** Creates the tables, loads the atlas, moves the money. */
export async function run(): Promise<Report> {
  // The cluster is the environment's: CLUSTER_ENDPOINT, CLUSTER_USER, AWS_REGION and the AWS credentials.
  const sequelize = createDsqlSequelize({ logging: false });
  defineModels(sequelize);
  try {
    await migrate(sequelize);
    await loadAtlas();
    return { ...(await countAtlas()), ...(await runBank(sequelize)) };
  } finally {
    await sequelize.close();
  }
}

async function migrate(sequelize: Sequelize): Promise<void> {
  const umzug = new Umzug({
    context: sequelize,
    storage: new SequelizeStorage({ sequelize }),
    logger: undefined,
    migrations: [
      { name: '01-create-atlas', ...createAtlas },
      { name: '02-create-bank', ...createBank },
    ],
  });
  await umzug.up();
}

async function loadAtlas(): Promise<void> {
  const regions = byKey(await Region.bulkCreate(atlas.regions), 'name');
  const currencies = byKey(await Currency.bulkCreate(atlas.currencies), 'code');
  const languages = byKey(await Language.bulkCreate(atlas.languages), 'code');
  const countries = byKey(
    await Country.bulkCreate(
      atlas.countries.map(({ code, name, area, region }) => ({
        code,
        name,
        area,
        regionId: regions(region).id,
      })),
    ),
    'code',
  );
  for (const { code, currencyCodes, languageCodes, neighbourCodes } of atlas.countries) {
    const country = countries(code);
    await country.addCurrencies(currencyCodes.map(currencies));
    await country.addLanguages(languageCodes.map(languages));
    await country.addBorders(neighbourCodes.map(countries));
  }
}

async function countAtlas() {
  const countries = await Country.findAll({ include: ['region', 'currencies', 'languages', 'borders'] });
  return {
    countries: countries.length,
    currencies: sum(countries.map((country) => country.currencies?.length ?? 0)),
    languages: sum(countries.map((country) => country.languages?.length ?? 0)),
    borders: sum(countries.map((country) => country.borders?.length ?? 0)),
  };
}

async function runBank(sequelize: Sequelize) {
  const opened = await Account.bulkCreate(
    Array.from({ length: bank.accounts }, (_, index) => ({
      owner: `customer ${index + 1}`,
      balance: bank.openingBalance,
    })),
  );
  const balanceBefore = await Account.sum('balance');

  let attempts = 0;
  let conflicts = 0;
  await moveMoney(
    opened.map(({ id }) => id),
    (fromId, toId, amount) =>
      runInTransaction(
        sequelize,
        async (transaction) => {
          attempts++;
          const from = await Account.findByPk(fromId, { transaction, rejectOnEmpty: true });
          const to = await Account.findByPk(toId, { transaction, rejectOnEmpty: true });
          await from.update({ balance: from.balance - amount }, { transaction });
          await to.update({ balance: to.balance + amount }, { transaction });
          await Transfer.create({ fromId, toId, amount }, { transaction });
        },
        { onRetry: () => conflicts++ },
      ),
  );

  return {
    transfers: await Transfer.count(),
    conflicts,
    retries: attempts - bank.transfers,
    balanceBefore,
    balanceAfter: await Account.sum('balance'),
  };
}

if (require.main === module) void run().then(console.table);
