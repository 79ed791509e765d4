import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { issueCertificates } from '../../src/local/tls/certificates';

const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
const hosts = [host, 'localhost', '127.0.0.1', '::1', '::ffff:10.0.0.1'];
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** Connects to a server with the issued certificate; resolves with the error, or undefined when TLS was agreed. */
async function connectOverTls(servername: string, ca: string): Promise<Error | undefined> {
  const { cert, key, ca: issuer } = issued;
  const server = tls.createServer({ cert, key }, (socket) => socket.end());
  // A client that refuses the certificate is this test's subject.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await new Promise((resolve) => {
      const socket = tls.connect({
        port: (server.address() as AddressInfo).port,
        host: '127.0.0.1',
        ca: ca === 'issued' ? issuer : ca,
        ...(servername === '127.0.0.1' ? {} : { servername }),
      });
      socket.once('error', (error: Error) => {
        resolve(error);
      });
      socket.once('secureConnect', () => {
        socket.destroy();
        resolve(undefined);
      });
    });
  } finally {
    server.close();
  }
}

const issued = issueCertificates(hosts);

describe('issueCertificates', () => {
  it.each([host, 'localhost', '127.0.0.1'])('makes a certificate that Node accepts for %s', async (name) => {
    expect(await connectOverTls(name, 'issued')).toBeUndefined();
  });

  it('makes a certificate that Node refuses for any other name', async () => {
    expect(await connectOverTls('other.dsql.us-east-1.on.aws', 'issued')).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('makes an authority of its own each time', async () => {
    const stranger = issueCertificates(hosts);
    expect(await connectOverTls(host, stranger.ca)).toMatchObject({
      code: expect.stringMatching(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_SIGNATURE_FAILURE/) as string,
    });
  });

  it('names every host, IPv6 addresses in any spelling included', () => {
    const leaf = new X509Certificate(issued.cert);
    expect(leaf.subjectAltName?.split(', ')).toEqual([
      `DNS:${host}`,
      'DNS:localhost',
      'IP Address:127.0.0.1',
      'IP Address:0:0:0:0:0:0:0:1',
      'IP Address:0:0:0:0:0:FFFF:A00:1',
    ]);
  });

  it('lets only the authority sign, and only for TLS servers', () => {
    const authority = new X509Certificate(issued.ca);
    const leaf = new X509Certificate(issued.cert);
    expect(authority.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.verify(authority.publicKey)).toBe(true);
  });

  it('is valid from an hour before the given time for a year, also past 2049', () => {
    const leaf = new X509Certificate(issueCertificates([host], new Date('2049-06-01T12:00:00Z')).cert);
    expect(new Date(leaf.validFrom)).toEqual(new Date('2049-06-01T11:00:00Z'));
    expect(new Date(leaf.validTo)).toEqual(new Date('2050-06-01T12:00:00Z'));
  });

  it('copes with so many hosts that lengths need two bytes', () => {
    const many = Array.from({ length: 100 }, (_, index) => `host-${index}.example.com`);
    const leaf = new X509Certificate(issueCertificates(many).cert);
    expect(leaf.subjectAltName?.split(', ')).toEqual(many.map((name) => `DNS:${name}`));
  });

  it('refuses no hosts, and names that are not ASCII', () => {
    expect(() => issueCertificates([])).toThrow(RangeError);
    expect(() => issueCertificates(['bücher.example'])).toThrow(/got "bücher.example"/);
  });
});

const describeWithOpenssl = hasOpenssl ? describe : describe.skip;

describeWithOpenssl('issueCertificates, judged by openssl', () => {
  it('passes the strict verification', () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'certificates-'));
    try {
      const caFile = path.join(directory, 'ca.pem');
      const certFile = path.join(directory, 'cert.pem');
      writeFileSync(caFile, issued.ca);
      writeFileSync(certFile, issued.cert);
      const verify = (name: string) =>
        execFileSync(
          'openssl',
          [
            'verify',
            '-x509_strict',
            '-purpose',
            'sslserver',
            '-verify_hostname',
            name,
            '-CAfile',
            caFile,
            certFile,
          ],
          { encoding: 'utf8', stdio: 'pipe' },
        );
      expect(verify(host)).toBe(`${certFile}: OK\n`);
      expect(() => verify('other.example')).toThrow(/[Hh]ostname mismatch/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
