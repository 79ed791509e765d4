import { nodeFileTrace } from '@vercel/nft';
import { DsqlClient } from 'aurora-dsql-orm';
import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { useCluster } from '../cluster';
import { installPackage } from './installed-package';

const typeormHandler = `
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { EntitySchema } from 'typeorm';

const Item = new EntitySchema({
  name: 'item',
  columns: { id: { type: 'uuid', primary: true, generated: 'uuid' }, name: { type: 'text' } },
});

export async function handler(options, name, ddl) {
  const dataSource = await createDsqlDataSource({ ...options, entities: [Item] }).initialize();
  try {
    if (ddl) await dataSource.synchronize();
    await dataSource.manager.save(Item, { name });
    return await dataSource.manager.countBy(Item, { name });
  } finally {
    await dataSource.destroy();
  }
}
`;

const sequelizeHandler = `
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { DataTypes } from 'sequelize';

export async function handler(options, name, ddl) {
  const sequelize = createDsqlSequelize({ ...options, logging: false });
  const id = { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 };
  const Item = sequelize.define('item', { id, name: DataTypes.TEXT }, { tableName: 'item', timestamps: false });
  try {
    if (ddl) await sequelize.sync({ alter: true });
    await Item.create({ name });
    return await Item.count({ where: { name } });
  } finally {
    await sequelize.close();
  }
}
`;

/** Runs a handler of a file, and prints what it returns or throws. */
const program = (file: string) => `
import(${JSON.stringify(file)}).then(async ({ handler }) => {
  const { options, name, ddl } = JSON.parse(process.env.CALL);
  console.log(JSON.stringify({ count: await handler(options, name, ddl) }));
}).catch((error) => {
  console.log(JSON.stringify({ message: error.message }));
});
`;

/** What CommonJS modules in an ES module call: esbuild leaves it to those who bundle. */
const REQUIRE = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

const cluster = useCluster();
const folders: string[] = [];
let consumer = '';
let calls = 0;

beforeAll(async () => {
  consumer = realpathSync(installPackage());
  folders.push(consumer);
  writeFileSync(join(consumer, 'package.json'), '{}');
  writeFileSync(join(consumer, 'typeorm.mjs'), typeormHandler);
  writeFileSync(join(consumer, 'sequelize.mjs'), sequelizeHandler);
  const client = new DsqlClient(cluster.connection);
  await client.connect();
  await client.query('CREATE TABLE item (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)');
  await client.end();
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder with nothing in it and above it that a bundle could find. */
function emptyFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'aurora-dsql-orm-bundle-')));
  folders.push(folder);
  return folder;
}

async function bundle(host: string, format: 'cjs' | 'esm'): Promise<string> {
  const file = join(emptyFolder(), format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs');
  await build({
    entryPoints: [join(consumer, `${host}.mjs`)],
    absWorkingDir: consumer,
    bundle: true,
    platform: 'node',
    format,
    preserveSymlinks: true,
    outfile: file,
    logLevel: 'silent',
    ...(format === 'esm' && { banner: { js: REQUIRE } }),
  });
  return file;
}

async function call(file: string, ddl = false): Promise<{ count?: number; message?: string }> {
  const { host, port, dsql } = cluster.orm;
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', program(file)], {
    cwd: dirname(file),
    env: {
      PATH: process.env.PATH,
      CALL: JSON.stringify({ options: { host, port, dsql }, name: `call ${++calls}`, ddl }),
    },
  });
  return JSON.parse(stdout) as { count?: number; message?: string };
}

describe.each(['typeorm', 'sequelize'])('a handler of %s', (host) => {
  it.each(['cjs', 'esm'] as const)(
    'writes and reads when esbuild has bundled it into one file (%s)',
    async (format) => {
      expect(await call(await bundle(host, format))).toStrictEqual({ count: 1 });
    },
  );

  it('says how to bundle the parser when it changes the schema and the parser is not there', async () => {
    const { message } = await call(await bundle(host, 'cjs'), true);
    expect(message).toMatch(/libpg-query\.wasm: in a bundle, .* copy .* beside the bundle/);
  });

  it('changes the schema when the parser is where that error says', async () => {
    const file = await bundle(host, 'cjs');
    const wasm = join(consumer, 'node_modules/libpg-query/wasm/libpg-query.wasm');
    copyFileSync(wasm, join(dirname(file), 'libpg-query.wasm'));
    expect(await call(file, true)).toStrictEqual({ count: 1 });
  });

  it('has all that it needs, the parser too, in the files that @vercel/nft finds', async () => {
    const { fileList } = await nodeFileTrace([join(consumer, `${host}.mjs`)], { base: '/' });
    const folder = emptyFolder();
    for (const file of fileList) {
      const copy = join(folder, file);
      mkdirSync(dirname(copy), { recursive: true });
      cpSync(join('/', file), copy, { verbatimSymlinks: false });
    }
    expect(await call(join(folder, consumer, `${host}.mjs`), true)).toStrictEqual({ count: 1 });
  });
});
