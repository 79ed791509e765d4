import { subscribe } from 'node:diagnostics_channel';
import { parseArgs } from 'node:util';
import { AuroraDSQLPool } from '@aws/aurora-dsql-node-postgres-connector';
import { DsqlSigner } from '@aws-sdk/dsql-signer';
import { Pool } from 'pg';
import { RedirectedSocket } from '../test/local/local-client';
import { DsqlPool } from '../src';
import { report, type Row } from './result';
import { login, withServer, type Server } from './server';

/**
 * How many tokens are signed for connections that are taken out of a pool and given back, and how many of these there are a
 * second: with the connector of AWS, with a pool of `pg` whose password is a function, and with `DsqlPool`.
 *
 * Usage: npm run bench -- tokens [--checkouts 1000] [--connections 10]
 */

/** A pool, and how many tokens were signed for it. */
interface Counted {
  readonly pool: Pool;
  readonly tokens: () => number;
}

type Open = (server: Server, max: number) => Promise<Counted>;

const openPools: Readonly<Record<string, Open>> = {
  "AWS's connector": ({ host, port, hostaddr, ca, credentials, region }, max) => {
    // Its signer is a new one for each token, which asks for credentials once.
    let tokens = 0;
    const pool = new AuroraDSQLPool({
      host,
      port,
      region,
      max,
      customCredentialsProvider: () => {
        tokens++;
        return Promise.resolve(credentials);
      },
      ssl: { ca, rejectUnauthorized: true },
      stream: () => new RedirectedSocket(hostaddr),
    });
    return Promise.resolve({ pool, tokens: () => tokens });
  },
  'pg, password as a function': async (server, max) => {
    let tokens = 0;
    const { host: hostname, region, credentials } = server;
    const signer = new DsqlSigner({ hostname, region, credentials });
    const password = () => {
      tokens++;
      return signer.getDbConnectAdminAuthToken();
    };
    return { pool: new Pool({ ...(await login(server)), max, password }), tokens: () => tokens };
  },
  ours: (server, max) => {
    let tokens = 0;
    subscribe('aurora-dsql-orm:token-signed', () => {
      tokens++;
    });
    return Promise.resolve({ pool: new DsqlPool({ ...server, max }), tokens: () => tokens });
  },
};

/** Takes connections out and gives them back, as many at a time as the pool has. Returns how many a second. */
async function checkOut(pool: Pool, times: number, atATime: number): Promise<number> {
  let left = times;
  const begun = performance.now();
  const work = async () => {
    while (left-- > 0) {
      const client = await pool.connect();
      await client.query('SELECT 1');
      client.release();
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
  return times / ((performance.now() - begun) / 1000);
}

const { values } = parseArgs({
  options: {
    checkouts: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '10' },
  },
});

withServer(__filename, async (server) => {
  const [times, connections] = [Number(values.checkouts), Number(values.connections)];
  const tokens: Row[] = [];
  const rates: Row[] = [];
  for (const [name, open] of Object.entries(openPools)) {
    const counted = await open(server, connections);
    const perSecond = await checkOut(counted.pool, times, connections);
    await counted.pool.end();
    tokens.push({ name, values: [counted.tokens()] });
    rates.push({ name, values: [perSecond] });
  }
  const what = `${times} check-outs from a pool of ${connections}`;
  report({
    name: 'tokens',
    title: `Tokens for ${what}`,
    unit: 'tokens',
    better: 'less',
    series: ['signed'],
    rows: tokens,
  });
  report({
    name: 'tokens-speed',
    title: `Check-outs a second, of ${what}, with the time to connect`,
    unit: 'check-outs/s',
    better: 'more',
    series: ['check-outs/s'],
    rows: rates,
    isPlotted: false,
  });
});
