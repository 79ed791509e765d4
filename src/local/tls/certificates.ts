import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';

/** A certificate authority of one certificate, all in PEM. */
export interface IssuedCertificates {
  /** The authority's certificate: what a client must trust. */
  readonly ca: string;
  /** The server's certificate, signed by `ca`. */
  readonly cert: string;
  /** The server's private key (PKCS #8). The authority's own key is thrown away. */
  readonly key: string;
}

const VALID_DAYS = 365;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * Makes a new certificate authority and one server certificate for the given hosts (ECDSA P-256, one year).
 *
 * @param hosts - DNS names and IP addresses the server answers under, at least one
 * @param now - the time from which the certificates count; they begin an hour earlier, for clocks that lag
 * @throws RangeError when `hosts` is empty or holds a name that is not ASCII
 */
export function issueCertificates(hosts: readonly string[], now: Date = new Date()): IssuedCertificates {
  if (hosts.length === 0)
    throw new RangeError('hosts: expected at least one DNS name or IP address, got none');
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authorityKeyId = keyIdentifier(authority.publicKey);
  const validity = {
    from: new Date(now.getTime() - HOUR_MS),
    to: new Date(now.getTime() + VALID_DAYS * DAY_MS),
  };
  const issuer = distinguishedName('aurora-dsql-orm local CA');

  const ca = certificate({
    issuer,
    subject: issuer,
    validity,
    publicKey: authority.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      extension('2.5.29.19', { critical: true }, sequence(boolean(true))), // basicConstraints: CA
      extension('2.5.29.15', { critical: true }, bitString([0b0000_0110], 1)), // keyUsage: keyCertSign, cRLSign
      extension('2.5.29.14', {}, octetString(authorityKeyId)), // subjectKeyIdentifier
      extension('2.5.29.35', {}, sequence(tlv(0x80, authorityKeyId))), // authorityKeyIdentifier
    ],
  });
  const cert = certificate({
    issuer,
    subject: distinguishedName('aurora-dsql-orm local server'),
    validity,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      extension('2.5.29.19', { critical: true }, sequence()), // basicConstraints: not a CA
      extension('2.5.29.15', { critical: true }, bitString([0b1000_0000], 7)), // keyUsage: digitalSignature
      extension('2.5.29.37', {}, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))), // extKeyUsage: serverAuth
      extension('2.5.29.14', {}, octetString(keyIdentifier(server.publicKey))),
      extension('2.5.29.35', {}, sequence(tlv(0x80, authorityKeyId))),
      extension('2.5.29.17', {}, sequence(...hosts.map(generalName))), // subjectAltName
    ],
  });
  return { ca, cert, key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

interface CertificateFields {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly validity: { readonly from: Date; readonly to: Date };
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280 §4.1: the signed fields, the algorithm, the signature. */
function certificate({
  issuer,
  subject,
  validity,
  publicKey,
  signingKey,
  extensions,
}: CertificateFields): string {
  const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
  const version3 = tlv(0xa0, integer(Buffer.from([2])));
  // A serial number is positive and never begins with a zero byte: its first byte is 0x40 to 0x7f.
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  const signedFields = sequence(
    version3,
    integer(serial),
    ecdsaWithSha256,
    issuer,
    sequence(time(validity.from), time(validity.to)),
    subject,
    subjectPublicKeyInfo(publicKey),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', signedFields, signingKey);
  const der = sequence(signedFields, ecdsaWithSha256, bitString(signature, 0));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function subjectPublicKeyInfo(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1').update(subjectPublicKeyInfo(key)).digest();
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier('2.5.4.3'), tlv(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, { critical = false }: { critical?: boolean }, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** One entry of subjectAltName: dNSName is context tag 2, iPAddress context tag 7. */
function generalName(host: string): Buffer {
  if (isIP(host)) return tlv(0x87, ipBytes(host));
  if (!/^[\x21-\x7e]+$/.test(host)) {
    throw new RangeError(`hosts: expected an ASCII DNS name or an IP address, got ${JSON.stringify(host)}`);
  }
  return tlv(0x82, Buffer.from(host, 'ascii'));
}

function ipBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // URL brings every spelling of an IPv6 address, also ::ffff:127.0.0.1, to hexadecimal groups with at most one "::".
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const before = groups(head);
  const after = groups(tail ?? '');
  const bytes = Buffer.alloc(16);
  before.forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  after.forEach((group, index) => bytes.writeUInt16BE(group, (8 - after.length + index) * 2));
  return bytes;
}

// DER: every value is a tag, a length and its bytes.

function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

function sequence(...items: readonly Buffer[]): Buffer {
  return tlv(0x30, ...items);
}

function set(...items: readonly Buffer[]): Buffer {
  return tlv(0x31, ...items);
}

function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.from([value ? 0xff : 0x00]));
}

/** A non-negative integer whose first byte is below 0x80. */
function integer(bytes: Buffer): Buffer {
  return tlv(0x02, bytes);
}

function octetString(bytes: Buffer): Buffer {
  return tlv(0x04, bytes);
}

function bitString(bytes: Buffer | readonly number[], unusedBits: number): Buffer {
  return tlv(0x03, Buffer.from([unusedBits]), Buffer.from(bytes));
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const base128 = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) base128.unshift((high & 0x7f) | 0x80);
    bytes.push(...base128);
  }
  return tlv(0x06, Buffer.from(bytes));
}

/** RFC 5280 §4.1.2.5: UTCTime, whose years have two digits, through 2049; GeneralizedTime from 2050. */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(digits.slice(2)))
    : tlv(0x18, Buffer.from(digits));
}
