import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { readCstring } from './server-messages';
import type { ErrorFields } from './server-messages';
import { StreamReader } from './stream-reader';

/** A client that wants a session, with TLS in place and its start-up packet read. */
export interface SessionRequest {
  readonly kind: 'session';
  readonly stream: TLSSocket;
  readonly reader: StreamReader;
  /** The name the client gave in the TLS handshake (SNI). */
  readonly serverName?: string | undefined;
  /** Every parameter of the start-up packet, as sent. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Set when the client has to be told that it gets protocol 3.0 and no options. */
  readonly unknownProtocolOptions?: readonly string[];
}

/** A client that wants the statement of another session cancelled. */
export interface CancelRequest {
  readonly kind: 'cancel';
  readonly processId: number;
  readonly secretKey: number;
}

/** A connection cannot become a session; `stream` is where to say so. */
export class ConnectionRefusedError extends Error {
  override readonly name = 'ConnectionRefusedError';

  constructor(
    readonly stream: Duplex,
    readonly fields: ErrorFields,
    options?: ErrorOptions,
  ) {
    super(fields.message, options);
  }
}

const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
const TLS_HANDSHAKE = 0x16;
const ALPN_PROTOCOL = 'postgresql';
const MAX_STARTUP_BYTES = 10_000; // as PostgreSQL

/**
 * Takes a new connection to the point where a client has said what it wants: SSLRequest or direct TLS, GSSENCRequest,
 * then a start-up packet or a CancelRequest.
 *
 * @returns `undefined` when the client went away or broke the TLS handshake
 * @throws {@link ConnectionRefusedError} for plaintext, an unknown protocol or a malformed packet
 */
export async function openConnection(
  socket: Socket,
  secureContext: SecureContext,
): Promise<SessionRequest | CancelRequest | undefined> {
  const reader = new StreamReader(socket);
  const first = await reader.bytes(1);
  if (!first) return undefined;
  socket.unshift(first);
  if (first[0] === TLS_HANDSHAKE) {
    reader.release();
    const secured = await startTls(socket, secureContext);
    // Without ALPN a direct handshake could be an attack across protocols; PostgreSQL 17 closes it too.
    if (secured?.stream.alpnProtocol !== ALPN_PROTOCOL) return undefined;
    return readStartup(secured.stream, secured.serverName);
  }

  for (;;) {
    const packet = await readPacket(socket, reader);
    if (!packet) return undefined;
    switch (packet.code) {
      case GSSENC_REQUEST:
        socket.write('N');
        continue;
      case CANCEL_REQUEST:
        return cancelRequest(packet.body);
      case SSL_REQUEST: {
        if (socket.readableLength > 0) {
          // Bytes sent before the handshake could be somebody else's; they must not count as the client's.
          throw refusal(socket, '08P01', 'received unencrypted data after SSL request');
        }
        socket.write('S');
        reader.release();
        const secured = await startTls(socket, secureContext);
        return secured && readStartup(secured.stream, secured.serverName);
      }
      default:
        // The words are PostgreSQL's; the cluster's own and its SQLSTATE were never recorded.
        throw refusal(socket, '28000', 'unable to accept connection, SSL is required');
    }
  }
}

async function readStartup(
  stream: TLSSocket,
  serverName: string | undefined,
): Promise<SessionRequest | CancelRequest | undefined> {
  const reader = new StreamReader(stream);
  const packet = await readPacket(stream, reader);
  if (!packet) return undefined;
  if (packet.code === CANCEL_REQUEST) return cancelRequest(packet.body);
  const major = packet.code >>> 16;
  const minor = packet.code & 0xffff;
  if (major !== 3)
    throw refusal(
      stream,
      '0A000',
      `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.0`,
    );

  const parameters = new Map<string, string>();
  for (let at = 0; at < packet.body.length && packet.body[at] !== 0;) {
    const name = readCstring(packet.body, at);
    const value = readCstring(packet.body, name.end);
    parameters.set(name.text, value.text);
    at = value.end;
  }
  const unknownProtocolOptions = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  for (const name of unknownProtocolOptions) parameters.delete(name);
  const request: SessionRequest = { kind: 'session', stream, reader, serverName, parameters };
  return minor > 0 || unknownProtocolOptions.length > 0 ? { ...request, unknownProtocolOptions } : request;
}

/** Reads a packet of the start-up phase: a length, a code, and no type byte. */
async function readPacket(
  stream: Duplex,
  reader: StreamReader,
): Promise<{ code: number; body: Buffer } | undefined> {
  const header = await reader.bytes(4);
  if (!header) return undefined;
  const length = header.readUInt32BE();
  if (length < 8 || length > MAX_STARTUP_BYTES) {
    throw refusal(stream, '08P01', 'invalid length of startup packet');
  }
  const rest = await reader.bytes(length - 4);
  return rest && { code: rest.readUInt32BE(), body: rest.subarray(4) };
}

function cancelRequest(body: Buffer): CancelRequest | undefined {
  if (body.length !== 8) return undefined;
  return { kind: 'cancel', processId: body.readInt32BE(0), secretKey: body.readInt32BE(4) };
}

function startTls(
  socket: Socket,
  secureContext: SecureContext,
): Promise<{ stream: TLSSocket; serverName: string | undefined } | undefined> {
  return new Promise((resolve) => {
    let serverName: string | undefined;
    const stream = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: [ALPN_PROTOCOL],
      SNICallback: (name, done) => {
        serverName = name;
        done(null, secureContext);
      },
    });
    // A broken handshake is the client's affair; the socket is closed by then.
    stream.on('error', () => stream.destroy());
    stream.once('close', () => {
      resolve(undefined);
    });
    stream.once('secure', () => {
      resolve({ stream, serverName });
    });
  });
}

function refusal(stream: Duplex, sqlstate: string, message: string): ConnectionRefusedError {
  return new ConnectionRefusedError(stream, { severity: 'FATAL', sqlstate, message });
}
