import path from 'node:path';
import { useCluster } from '../cluster';
import { runAsInReadme } from './commands';

const examples = path.join(__dirname, '../../examples');
const cluster = useCluster();

it.each<[string, RegExp]>([
  ['lambda', /"value":1\}\n.*"value":2\}\n.*"value":3\}\nConnections opened: 2\.\n$/],
  [
    'opentelemetry',
    /conflicts 1 (\{.*\.label":"count".*"40001"\})\nPOST \/count: aurora_dsql\.conflict \{.*\.attempt":1\}\n.*duration.*\n.*attempts 2 \{.*\.label":"count"\}\n$/,
  ],
  ['pg', /^Ada has 50\. Grace has 150\.\n$/],
  ['sequelize/umzug', /^Migrations run: 01.*, 02.*\.\nColumns: id, sensor, value, unit\.\n$/],
])('%s does what its README says', async (example, output) => {
  const place = { folder: path.join(examples, example), env: await cluster.local.env() };
  expect(await runAsInReadme(place)).toMatch(output);
});
