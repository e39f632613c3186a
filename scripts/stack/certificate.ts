/**
 * Self-signed certificates (X.509 v3, RFC 5280) for what runs on this machine or in a lab cluster, made without any outside
 * program. Real ones come from the cluster's issuer.
 */
import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';

const OID_ECDSA_SHA256 = '2a8648ce3d040302';
const OID_COMMON_NAME = '550403';
const OID_SUBJECT_ALT_NAME = '551d11';
const OID_BASIC_CONSTRAINTS = '551d13';
const UTC_TIME = 0x17;
const OCTET_STRING = 0x04;
const BIT_STRING = 0x03;
const INTEGER = 0x02;
const SEQUENCE = 0x30;
const SET = 0x31;
const UTF8_STRING = 0x0c;
const BOOLEAN = 0x01;
const ALT_NAME_DNS = 0x82;
const ALT_NAME_IP = 0x87;

export type Certificate = { certificate_pem: string; key_pem: string };

export type CertificateNames = { common_name: string; dns: readonly string[]; /** Four numbers each. */ ips?: readonly (readonly number[])[] };

const LOCAL: CertificateNames = { common_name: 'chunyun local edge', dns: ['localhost'], ips: [[127, 0, 0, 1]] };

/** From `from` on for `days`, with a new P-256 key; for `localhost` and 127.0.0.1 where no names are given. */
export function selfSigned(from: Date, days: number, { common_name, dns, ips = [] }: CertificateNames = LOCAL): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, oid(OID_ECDSA_SHA256));
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, oid(OID_COMMON_NAME), der(UTF8_STRING, Buffer.from(common_name)))));
  const alt_names = der(SEQUENCE, ...dns.map((host) => der(ALT_NAME_DNS, Buffer.from(host))), ...ips.map((ip) => der(ALT_NAME_IP, Buffer.from(ip))));
  const extensions = der(
    SEQUENCE,
    der(SEQUENCE, oid(OID_BASIC_CONSTRAINTS), der(BOOLEAN, Buffer.from([0xff])), der(OCTET_STRING, der(SEQUENCE))),
    der(SEQUENCE, oid(OID_SUBJECT_ALT_NAME), der(OCTET_STRING, alt_names)),
  );
  const until = new Date(from.getTime() + days * 86_400_000);
  const serial = randomBytes(16);
  // Positive, and no leading zero byte too many.
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm,
    name,
    der(SEQUENCE, utcTime(from), utcTime(until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = createSign('SHA256').update(body).sign(privateKey);
  const certificate = der(SEQUENCE, body, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  const base64 = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return {
    certificate_pem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key_pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content)]), content]);
}

function lengthOf(content: Buffer): number[] {
  if (content.length < 0x80) return [content.length];
  const bytes: number[] = [];
  for (let rest = content.length; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

/** YYMMDDHHMMSSZ: good for years before 2050. */
function utcTime(time: Date): Buffer {
  return der(UTC_TIME, Buffer.from(`${time.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}
