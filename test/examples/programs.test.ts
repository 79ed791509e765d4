import { readFileSync } from 'node:fs';
import path from 'node:path';
import { useCluster } from '../cluster';
import { run, serve, type Place, type Service } from './commands';

const examples = path.join(__dirname, '../../examples');
const cluster = useCluster();

/** An example, with the local DSQL of this file in the place of one of its own. */
async function placeOf(example: string): Promise<Place> {
  return { folder: path.join(examples, example), env: await cluster.local.env() };
}

/** The commands that the one block of an example's README runs, without what starts a local DSQL for them. */
function commandsOf(example: string): string[] {
  const text = readFileSync(path.join(examples, example, 'README.md'), 'utf8');
  const [block = '', ...others] = [...text.matchAll(/^```sh\n(.*)\n```$/gm)].map(([, inside = '']) => inside);
  expect(others).toEqual([]);
  const [, inShell] = /sh -c '(.*)'$/.exec(block) ?? [];
  return (inShell ?? block).replace(/^npx aurora-dsql-orm local -- /, '').split(' && ');
}

/** What a command prints. */
async function succeeded(command: string, place: Place): Promise<string> {
  const { status, output } = await run(command, place);
  if (status !== 0) throw new Error(`${command}: ${output}`);
  return output;
}

it.each<[string, RegExp]>([
  ['lambda', /"value":1\}\n.*"value":2\}\n.*"value":3\}\nConnections opened: 1\.\n$/],
  [
    'opentelemetry',
    /conflicts 1 (\{.*\.label":"count".*"40001"\})\nPOST \/count: aurora_dsql\.conflict \{.*\.attempt":1\}\n.*duration.*\n.*attempts 2 \{.*\.label":"count"\}\n$/,
  ],
  ['pg', /^Ada has 50\. Grace has 150\.\n$/],
  ['sequelize/cli', /up 20260101000000-create-rooms\.js\nup 20260201000000-add-seats\.js\n/],
  ['sequelize/umzug', /^Migrations run: 01.*, 02.*\.\nColumns: id, sensor, value, unit\.\n$/],
  ['typeorm/cli', /Migration CreateBooks1760000000000 has been executed successfully\.\n/],
  ['typeorm/nestjs-cls', /^The balances are 50 and 150\.\n$/],
  ['typeorm/transactional', /^The balances are 50 and 150\.\n$/],
])('%s does what its README says', async (example, output) => {
  const place = await placeOf(example);
  let printed = '';
  for (const command of commandsOf(example)) {
    printed += await succeeded(command, place);
  }
  expect(printed).toMatch(output);
});

describe('a service', () => {
  let service: Service | undefined;
  afterEach(async () => {
    await service?.stop();
    service = undefined;
  });

  it.each([
    ['typeorm/nestjs', 'cats', 'falls', { lives: 3 }],
    ['sequelize/nestjs', 'dogs', 'bones', { bones: 6 }],
  ])('of %s counts what many ask for at the same time', async (example, animals, action, expected) => {
    const [command = ''] = commandsOf(example);
    service = await serve(command, await placeOf(example));
    const { ask } = service;
    const { status, body } = await ask(`POST /${animals}`, { name: 'Tom' });
    expect(status).toBe(201);
    const { id } = body as { id: string };
    await Promise.all(Array.from({ length: 6 }, () => ask(`POST /${animals}/${id}/${action}`)));
    expect((await ask(`GET /${animals}/${id}`)).body).toMatchObject({ name: 'Tom', ...expected });
  });
});

it('jest does what its README says', async () => {
  const place = { folder: path.join(examples, 'jest'), env: {} };
  const source = path.join(__dirname, '../../src');
  // As an installed package would be found.
  const names = { '^aurora-dsql-orm/(.*)$': `${source}/$1/index.ts` };
  const [command = ''] = commandsOf('jest');
  const output = await succeeded(`${command} --moduleNameMapper=${JSON.stringify(names)}`, place);
  expect(output).toContain('2 passed');
});
