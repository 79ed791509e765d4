import { subscribe, unsubscribe, type Channel } from 'node:diagnostics_channel';
import {
  classifyError,
  connectionChannels,
  transactionChannels,
  type ConnectionMessage,
  type TransactionMessage,
} from 'aurora-dsql-orm';

/** What is used of `@opentelemetry/api`: `metrics.getMeter('aurora-dsql-orm')`, and `() => trace.getActiveSpan()`. */
export interface Telemetry {
  readonly meter: {
    createCounter(name: string, options: Described): { add(value: number, attributes: Attributes): void };
    createHistogram(
      name: string,
      options: Described & { readonly advice: { readonly explicitBucketBoundaries: number[] } },
    ): { record(value: number, attributes: Attributes): void };
  };
  /** The `label`s that metrics are split by. Statements without one are labelled by their text, which has no end. */
  readonly labels: readonly string[];
  readonly activeSpan: () => { addEvent(name: string, attributes: Attributes): unknown } | undefined;
}
interface Described {
  readonly unit: string;
  readonly description: string;
}

type Attributes = Record<string, string | number>;

/**
 * Reports transactions, conflicts and connections of all data sources, instances and pools of this process.
 *
 * @returns what ends it
 */
export function reportDsql({ meter, labels, activeSpan }: Telemetry): () => void {
  const duration = meter.createHistogram('aurora_dsql.transaction.duration', {
    unit: 's',
    description: 'From the first attempt to the end of the last one',
    // Those of OpenTelemetry's conventions for databases: the default ones are meant for milliseconds.
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  });
  const attempts = meter.createHistogram('aurora_dsql.transaction.attempts', {
    unit: '{attempt}',
    description: 'How often a transaction was run until it ended',
    advice: { explicitBucketBoundaries: [1, 2, 3, 4, 5, 7, 10, 20] },
  });
  const conflicts = meter.createCounter('aurora_dsql.transaction.conflicts', {
    unit: '{conflict}',
    description: 'Attempts that another transaction won against',
  });
  const connections = meter.createCounter('aurora_dsql.connections.opened', {
    unit: '{connection}',
    description: 'Connections that the cluster accepted',
  });

  const ended = (message: TransactionMessage) => {
    duration.record(message.elapsedMs / 1000, attributesOf(message, labels));
    attempts.record(message.attempt, attributesOf(message, labels));
  };
  const stops = [
    listen(transactionChannels.commit, ended),
    listen(transactionChannels.giveUp, ended),
    listen(transactionChannels.conflict, (message: TransactionMessage) => {
      conflicts.add(1, attributesOf(message, labels));
      // It is told where the transaction was started: in the span of the request.
      activeSpan()?.addEvent('aurora_dsql.conflict', {
        ...attributesOf(message, [message.label]),
        'aurora_dsql.transaction.attempt': message.attempt,
      });
    }),
    listen(connectionChannels.connectionOpened, ({ host }: ConnectionMessage) => {
      connections.add(1, { 'db.system.name': 'postgresql', 'server.address': host });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function listen({ name }: Channel, listener: (message: never) => void): () => void {
  const each = listener as (message: unknown) => void;
  subscribe(name, each);
  return () => unsubscribe(name, each);
}

/** In the words of OpenTelemetry's conventions for databases. */
function attributesOf(
  { label, error }: TransactionMessage,
  labels: readonly (string | undefined)[],
): Attributes {
  const { kind, sqlState } = error === undefined ? {} : classifyError(error);
  return {
    'db.system.name': 'postgresql',
    ...(label !== undefined && labels.includes(label) && { 'aurora_dsql.transaction.label': label }),
    ...(kind !== undefined && { 'error.type': kind }),
    ...(sqlState !== undefined && { 'db.response.status_code': sqlState }),
  };
}
