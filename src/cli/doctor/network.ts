import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import {
  NO_ADDRESS,
  OTHER_CERTIFICATE,
  UNKNOWN_AUTHORITY,
  type ResolvedConnection,
} from '../../connection/without-driver';
import { failure, ok, type Finding } from './finding';
import { messageOf } from '../error-message';

const TIMEOUT_MS = 10_000;

/** The start-up message that asks for TLS, and the answer of a server that speaks it. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const SSL_ACCEPTED = 'S';

/**
 * Looks at the way to the cluster: its name, its port, and TLS with its certificate chain. It ends with the first thing that
 * fails, because nothing behind it can be reached.
 */
export async function* examineNetwork(connection: ResolvedConnection): AsyncGenerator<Finding> {
  const { host, hostaddr, port } = connection;
  const dialled = hostaddr ?? host;
  const name = await examineName(dialled);
  yield name;
  if (name.status === 'failure') return;
  const address = `${dialled}:${port}`;
  let socket: Socket;
  try {
    const startedMs = performance.now();
    socket = await dial(dialled, port);
    yield ok('tcp', `${address} accepts connections, after ${Math.round(performance.now() - startedMs)} ms`);
  } catch (error) {
    yield failure(
      'tcp',
      `${address} cannot be reached: ${messageOf(error)}`,
      'Check the port, security groups, network ACLs and firewalls; from a VPC without internet access use a PrivateLink endpoint (hostaddr).',
    );
    return;
  }
  try {
    yield await examineTls(socket, connection);
  } catch (error) {
    yield failure(
      'tls',
      `there is no TLS with ${address}: ${messageOf(error)}`,
      'Check that nothing between here and the cluster ends or changes TLS.',
    );
  } finally {
    socket.destroy();
  }
}

async function examineName(dialled: string): Promise<Finding> {
  if (isIP(dialled) !== 0) return ok('dns', `${dialled} is an address`);
  try {
    const addresses = await lookup(dialled, { all: true });
    return ok('dns', `${dialled} is ${addresses.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    return failure('dns', `${dialled} has no address: ${messageOf(error)}`, NO_ADDRESS);
  }
}

async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, signal: AbortSignal.timeout(TIMEOUT_MS) });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function examineTls(socket: Socket, connection: ResolvedConnection): Promise<Finding> {
  const { host, sslNegotiation, secureContext } = connection;
  if (sslNegotiation === 'postgres') await askForTls(socket);
  const secured = connectTls({
    socket,
    servername: host,
    secureContext: secureContext(),
    // What is wrong with the certificate is told below; nothing is sent on this connection.
    rejectUnauthorized: false,
    ALPNProtocols: ['postgresql'],
  });
  await once(secured, 'secureConnect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return judgeCertificate(secured, host);
}

async function askForTls(socket: Socket): Promise<void> {
  socket.write(SSL_REQUEST);
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Buffer];
  if (answer.toString('latin1') !== SSL_ACCEPTED) throw new Error('the server does not speak TLS');
}

function judgeCertificate(secured: TLSSocket, host: string): Finding {
  const certificate = secured.getPeerCertificate(true);
  const chain = chainOf(certificate).join(' ← ');
  const said = `${secured.getProtocol() ?? 'TLS'}, SNI ${host}, certificate ${chain}, valid until ${certificate.valid_to}`;
  // Node's types say Error; for what OpenSSL finds it is its code.
  const problem = secured.authorizationError as Error | string | undefined | null;
  if (secured.authorized) return ok('tls', said);
  const code = problem instanceof Error && 'code' in problem ? String(problem.code) : String(problem);
  const isOtherName = code === 'ERR_TLS_CERT_ALTNAME_INVALID';
  return failure(
    'tls',
    `the certificate is not that of ${host}, or not trusted: ${code} (${said})`,
    isOtherName ? OTHER_CERTIFICATE : UNKNOWN_AUTHORITY,
  );
}

/** A certificate; that of its issuer is there where the server has sent it, or this machine knows it. */
type Chained = Pick<DetailedPeerCertificate, 'fingerprint256' | 'subject'> & {
  readonly issuerCertificate?: Chained;
};

/** The common names from the certificate to its root; the root is issued by itself. */
function chainOf(certificate: Chained): string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  let each: Chained | undefined = certificate;
  while (each !== undefined && !seen.has(each.fingerprint256)) {
    seen.add(each.fingerprint256);
    names.push([each.subject.CN ?? '?'].flat().join(', '));
    each = each.issuerCertificate;
  }
  return names;
}
