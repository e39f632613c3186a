import { createPrivateKey, X509Certificate } from 'node:crypto';
import test from 'ava';
import { selfSigned } from './certificate.ts';

test('a certificate that OpenSSL reads, for this machine, signed by its own key', (t) => {
  const from = new Date('2030-01-02T03:04:05Z');
  const { certificate_pem, key_pem } = selfSigned(from, 365);
  const certificate = new X509Certificate(certificate_pem);
  t.true(certificate.verify(certificate.publicKey));
  t.true(certificate.checkPrivateKey(createPrivateKey(key_pem)));
  t.is(certificate.checkHost('localhost'), 'localhost');
  t.is(certificate.checkIP('127.0.0.1'), '127.0.0.1');
  t.is(certificate.checkHost('example.org'), undefined);
  t.is(new Date(certificate.validFrom).getTime(), from.getTime());
  t.is(new Date(certificate.validTo).getTime(), from.getTime() + 365 * 86_400_000);
  t.false(certificate.ca);
});
