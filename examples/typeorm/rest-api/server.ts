import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { classifyError, isRetryExhaustedError, runInTransaction } from 'aurora-dsql-orm/typeorm';
import type { DataSource } from 'typeorm';
import dataSource from './data-source';
import { Account, Customer, Transfer } from './entities';

/** What a request is answered with. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Something the client has asked for that cannot be done. */
class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What the requests bring. */
interface Body {
  readonly email: string;
  readonly lastDigits: string;
  readonly balance: number;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** The bank's endpoints. Whatever meets a conflict is run again as a whole before anybody hears of it. */
const routes: Readonly<Record<string, (source: DataSource, body: Body) => Promise<unknown>>> = {
  'POST /customers': (source, { email, lastDigits, balance }) =>
    runInTransaction(source, async (manager) => {
      const customer = await manager.save(Customer, { email, card: { lastDigits } });
      const account = await manager.save(Account, { owner: email, balance, customer });
      return { id: customer.id, accountId: account.id };
    }),

  'POST /transfers': (source, { from, to, amount }) =>
    runInTransaction(source, async (manager) => {
      const [payer, payee] = [
        await manager.findOneByOrFail(Account, { id: from }),
        await manager.findOneByOrFail(Account, { id: to }),
      ];
      if (payer.balance < amount) throw new Refused(409, 'There is not enough money in the account.');
      payer.balance -= amount;
      payee.balance += amount;
      await manager.save([payer, payee]);
      const { identifiers } = await manager.insert(Transfer, { from: payer, to: payee, amount });
      return identifiers[0];
    }),

  'GET /balance': async (source) => ({ total: await source.getRepository(Account).sum('balance') }),

  'GET /customers': (source) =>
    source.getRepository(Customer).find({ relations: { card: true, accounts: true }, take: 100 }),
};

/** Runs the migrations that are pending, and serves the bank. */
export async function serve(source: DataSource = dataSource, port = 0): Promise<Server> {
  if (!source.isInitialized) await source.initialize();
  await source.runMigrations();
  const server = createServer((request, response) => {
    void answer(source, request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

async function answer(source: DataSource, request: IncomingMessage): Promise<Answer> {
  const route = routes[`${request.method ?? ''} ${request.url ?? ''}`];
  if (route === undefined) return { status: 404, body: { error: 'There is no such endpoint.' } };
  try {
    return { status: 200, body: await route(source, await bodyOf(request)) };
  } catch (error) {
    if (error instanceof Refused) return { status: error.status, body: { error: error.message } };
    // Nothing of it was done, so the client may ask again.
    if (isRetryExhaustedError(error)) return { status: 503, body: { error: error.message } };
    return { status: 500, body: { error: String(error), hint: classifyError(error).hint } };
  }
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || '{}') as Body;
}

if (require.main === module) {
  void serve(dataSource, Number(process.env.PORT ?? 3000)).then((server) => {
    console.log(`The bank is open on port ${(server.address() as AddressInfo).port}.`);
    process.once('SIGTERM', () => {
      server.close(() => void dataSource.destroy());
    });
  });
}
