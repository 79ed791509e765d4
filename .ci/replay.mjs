// Replays the answers recorded from a cluster on the local DSQL, where the recordings are at hand.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const replay = '../shared/dsql/replay.mjs';

/** They count a row of baseline_child that none of the recorded statements at hand inserts. */
const needsWhatIsNotRecorded = new Set([
  'q_inner_join',
  'q_cross_join',
  'q_subquery_in',
  'q_subquery_exists',
]);

if (!existsSync(replay)) {
  console.log('The recorded answers are not here, so they are not replayed.');
  process.exit();
}
const { stdout, error } = spawnSync(
  process.execPath,
  ['dist/cli/main.js', 'local', '--', process.execPath, replay, '--json'],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
);
if (error) throw error;
const { passed, total, wrong } = JSON.parse(stdout);
const unexpected = wrong.filter(({ name }) => !needsWhatIsNotRecorded.has(name));
for (const { group, name, difference } of unexpected) console.error(`${group}/${name}: ${difference}`);
console.log(
  `${passed} of ${total} recorded answers match, ${unexpected.length} wrong, ${wrong.length - unexpected.length} cannot be told.`,
);
process.exit(unexpected.length > 0 ? 1 : 0);
