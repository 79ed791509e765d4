import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as core from 'aurora-dsql-orm';
import * as migrate from 'aurora-dsql-orm/migrate';
import * as sequelize from 'aurora-dsql-orm/sequelize';
import * as typeorm from 'aurora-dsql-orm/typeorm';

const page = readFileSync(path.join(__dirname, '../../docs/troubleshooting.md'), 'utf8');

it('the page on troubleshooting names every error that an entry point exports', () => {
  const errors = Object.keys({ ...core, ...migrate, ...sequelize, ...typeorm }).filter((name) =>
    /^[A-Z]\w+Error$/.test(name),
  );
  expect(errors.length).toBeGreaterThan(10);
  expect(errors.filter((name) => !page.includes(`**\`${name}\`**`))).toEqual([]);
});
