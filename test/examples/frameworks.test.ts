import path from 'node:path';
import { useCluster } from '../cluster';
import { commandsOf, runAsInReadme, serve, type Service } from './commands';

const examples = path.join(__dirname, '../../examples');
const cluster = useCluster();

it.each<[string, RegExp]>([
  ['sequelize/cli', /up 20260101000000-create-rooms\.js\nup 20260201000000-add-seats\.js\n/],
  ['typeorm/cli', /Migration CreateBooks1760000000000 has been executed successfully\.\n/],
  ['typeorm/nestjs-cls', /^The balances are 50 and 150\.\n$/],
  ['typeorm/transactional', /^The balances are 50 and 150\.\n$/],
])('%s does what its README says', async (example, output) => {
  const place = { folder: path.join(examples, example), env: await cluster.local.env() };
  expect(await runAsInReadme(place)).toMatch(output);
});

it('jest does what its README says', async () => {
  // As an installed package would be found.
  const names = { '^aurora-dsql-orm/(.*)$': `${path.join(__dirname, '../../src')}/$1/index.ts` };
  const place = { folder: path.join(examples, 'jest'), env: {} };
  expect(await runAsInReadme(place, `--moduleNameMapper=${JSON.stringify(names)}`)).toContain('2 passed');
});

it('vitest does what its README says', async () => {
  const place = { folder: path.join(examples, 'vitest'), env: { NODE_ENV: 'test', NO_COLOR: '1' } };
  const config = path.join(__dirname, 'vitest.config.mjs');
  expect(await runAsInReadme(place, `--config=${config}`, `--root=${place.folder}`)).toContain('2 passed');
});

describe('a service', () => {
  let service: Service | undefined;
  afterEach(() => service?.stop());

  it.each([
    ['typeorm/nestjs', 'cats', 'falls', { lives: 3 }],
    ['sequelize/nestjs', 'dogs', 'bones', { bones: 6 }],
  ])('of %s counts what many ask for at the same time', async (example, animals, action, expected) => {
    const folder = path.join(examples, example);
    const [command = ''] = commandsOf(folder);
    service = await serve(command, { folder, env: await cluster.local.env() });
    const { ask } = service;
    const { status, body } = await ask(`POST /${animals}`, { name: 'Tom' });
    expect(status).toBe(201);
    const { id } = body as { id: string };
    await Promise.all(Array.from({ length: 6 }, () => ask(`POST /${animals}/${id}/${action}`)));
    expect((await ask(`GET /${animals}/${id}`)).body).toMatchObject({ name: 'Tom', ...expected });
  });
});
