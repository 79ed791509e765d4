import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { DataTypes, type ModelAttributeColumnOptions, type Sequelize } from 'sequelize';

describe('Where asynchronous jobs take their time, as on a cluster', () => {
  let local: LocalDsql;
  let sequelize: Sequelize;
  const steps: string[] = [];

  beforeAll(async () => {
    local = await startLocalDsql({ jobDurationMs: 200 });
    const { host, port, hostaddr, ca, credentials } = local;
    sequelize = createDsqlSequelize({
      host,
      port,
      logging: false,
      dsql: { hostaddr, ca, credentials, onSchemaProgress: ({ step, sql }) => steps.push(`${step}: ${sql}`) },
    });
  });
  afterAll(async () => {
    await sequelize.close();
    await local.stop();
  });

  it('sync({ alter }) drops a column for another type when the CHECK that guards its values is validated', async () => {
    const define = (age: ModelAttributeColumnOptions) =>
      sequelize.define('user', { name: DataTypes.STRING, age }, { indexes: [{ fields: ['name', 'age'] }] });
    await define({ type: DataTypes.INTEGER }).sync();
    const User = define({ type: DataTypes.STRING, unique: true });
    steps.length = 0;
    await sequelize.sync({ alter: true });
    expect(await User.describe()).toMatchObject({ age: { type: 'CHARACTER VARYING(255)' } });
    const at = (pattern: RegExp) => steps.findIndex((step) => pattern.test(step));
    expect(at(/^job ended: .*VALIDATE CONSTRAINT "age_changes_type"/)).toBeGreaterThan(0);
    expect(at(/^statement: .*DROP COLUMN "age"/)).toBeGreaterThan(at(/^job ended: .*"age_changes_type"/));
    expect(await sequelize.getQueryInterface().showIndex('users')).toMatchObject([
      { fields: [{ attribute: 'age' }], unique: true, valid: true },
      { fields: [{ attribute: 'name' }, { attribute: 'age' }], valid: true },
      { primary: true },
    ]);
    steps.length = 0;
    await sequelize.sync({ alter: true });
    expect(steps).toStrictEqual([]);
  });
});
