import { subscribe } from 'node:diagnostics_channel';
import { connectionChannels } from 'aurora-dsql-orm';
import { handler } from './handler';

/** Calls the handler as Lambda does: one call after the other in one process. */
async function main(): Promise<void> {
  let connections = 0;
  subscribe(connectionChannels.connectionOpened.name, () => connections++);
  for (let call = 0; call < 3; call++) {
    console.log((await handler({ pathParameters: { name: 'visits' } })).body);
  }
  console.log(`Connections opened: ${connections}.`);
  // Lambda freezes the process instead.
  process.exit();
}

void main();
