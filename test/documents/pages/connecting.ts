import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as core from 'aurora-dsql-orm';
import * as sequelizeEntry from 'aurora-dsql-orm/sequelize';
import * as typeormEntry from 'aurora-dsql-orm/typeorm';
import { DataTypes } from 'sequelize';
import { Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Page, Setting } from './page';

/** A role of an application, as the pages call it, which the local IAM role may connect as. */
async function makeRole({ local, query }: Setting) {
  for (const statement of [
    'CREATE ROLE app WITH LOGIN',
    `AWS IAM GRANT app TO '${local.roleArn}'`,
    'CREATE SCHEMA shop',
    'GRANT USAGE ON SCHEMA shop TO app',
  ]) {
    await query(statement);
  }
  return {};
}

/** Lets the credentials of the environment be those of another IAM role. */
function assumeRole({ local }: Setting, arn: string) {
  const { accessKeyId, secretAccessKey } = local.assumeRole(arn);
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
}

@Entity()
class User {
  @PrimaryGeneratedColumn('uuid')
  id!: string;
}

@Entity()
class Order {
  @PrimaryGeneratedColumn('uuid')
  id!: string;
}

export const connectingPages: Readonly<Record<string, Page>> = {
  'README.md': { open: makeRole },
  'docs/connecting.md': {
    open: makeRole,
    under: {
      'Credentials and profiles': ({ local, folder }) => {
        const { accessKeyId, secretAccessKey } = local.credentials;
        const file = path.join(folder, 'credentials');
        const keys = { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey };
        const lines = Object.entries(keys).map(([name, value]) => `${name} = ${value}`);
        writeFileSync(file, ['[staging]', ...lines, ''].join('\n'));
        process.env.AWS_SHARED_CREDENTIALS_FILE = file;
        // Only the profile has them.
        delete process.env.AWS_ACCESS_KEY_ID;
        delete process.env.AWS_SECRET_ACCESS_KEY;
        return {
          after: async () => {
            Object.assign(process.env, await local.env());
          },
        };
      },
      Lambda: () => ({
        after: async ({ exported }) => {
          const { handler } = exported as { handler: () => Promise<unknown> };
          await expect(handler()).resolves.toEqual([{ now: expect.any(Date) as Date }]);
        },
      }),
      PrivateLink: ({ local }) => ({
        replaced: [
          ['vpce-0123456789abcdef0-abcdefgh.dsql-fnh4.us-east-1.vpce.amazonaws.com', local.hostaddr],
        ],
      }),
      // No resolver knows the names of the local DSQL, and each of its endpoints has a port.
      'Several Regions': ({ local }) => ({
        replaced: ['abcdefghijklmnopqrstuvwxyz', 'bcdefghijklmnopqrstuvwxyza'].flatMap((id, index) => {
          const endpoint = local.endpoints[index];
          const name = `'${id}.dsql.us-east-${String(index + 1)}.on.aws'`;
          return [
            [`{ host: ${name}, hostaddr: '10.${String(index)}.1.20' }`, JSON.stringify(endpoint)],
            [`    ${name},`, JSON.stringify(endpoint) + ','],
          ] as const;
        }),
      }),
    },
  },
  'docs/getting-started.md': {
    under: {
      '4. Connect': (setting) => {
        assumeRole(setting, 'arn:aws:iam::111122223333:role/my-service');
        const log = jest.spyOn(console, 'log');
        return {
          after: ({ declared }) => {
            const printed = log.mock.calls.flat();
            expect(printed).toContainEqual(
              'dataSource' in declared
                ? [{ current_user: 'app', current_schema: 'shop' }]
                : expect.any(String),
            );
          },
        };
      },
    },
  },
  'docs/moving-from-aws-samples.md': {
    open: ({ local }) => Promise.resolve({ host: local.host, ...core }),
  },
  'docs/moving-from-postgresql.md': {
    open: async () => {
      const sequelize = sequelizeEntry.createDsqlSequelize({ logging: false });
      const Invoice = sequelize.define('invoice', { status: DataTypes.TEXT }, { timestamps: false });
      await sequelize.sync();
      const id = (await Invoice.create({ status: 'open' })).get('id');
      return { ...typeormEntry, ...{ sequelize, Invoice, id, User, Order } };
    },
    under: {
      '3. Run the tests on the local DSQL': () => ({
        after: ({ returned }) => {
          expect((returned as { get(name: string): unknown }).get('status')).toBe('paid');
        },
      }),
    },
  },
};
