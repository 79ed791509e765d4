import type { AddressInfo } from 'node:net';
import { createApp } from './app';
import { dataSource } from './data-source';
import { work } from './queue';

async function main(): Promise<void> {
  await dataSource.initialize();
  const stopped = new AbortController();
  const workers = [work(stopped.signal), work(stopped.signal)];
  const server = createApp().listen(Number(process.env.PORT ?? 3000), () => {
    console.log(`The issue tracker listens on port ${(server.address() as AddressInfo).port}.`);
  });
  process.once('SIGTERM', () => {
    stopped.abort();
    server.close(() => void Promise.all(workers).then(() => dataSource.destroy()));
  });
}

void main();
