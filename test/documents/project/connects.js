const { DsqlClient } = require('aurora-dsql-orm');
const { startLocalDsql } = require('aurora-dsql-orm/local');

/** On the DSQL of the environment, or on one of its own. */
async function main() {
  const local = process.env.CLUSTER_ENDPOINT === undefined ? await startLocalDsql() : undefined;
  const { host, hostaddr, port, ca, credentials } = local ?? {};
  const client = new DsqlClient({ host, hostaddr, port, ca, credentials });
  await client.connect();
  const { rows } = await client.query('SELECT current_user AS role');
  console.log(`tested as ${rows[0].role}`);
  await client.end();
  await local?.stop();
}

main();
