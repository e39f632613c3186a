/**
 * Runs in a pod outside of the mesh: has the mesh's authority make a certificate for each account whose token stands as JSON on its
 * standard input, and asks all questions with it at the doors of the callees' pods. No proxy of the caller's has a part in the
 * answers: who is refused is refused by the callee.
 */
import { createSign, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectH2, type ClientHttp2Session } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

/** Of HTTP the code is its status; 0 where no answer came. */
export type Told = { code: number; details: string; content_type: string };

export type Asked = { address: string; path: string; /** By HTTP/1.1 instead of gRPC. */ http_method?: string };

export type Input = {
  authority: { address: string; root_pem: string };
  identities: { name: string; token: string }[];
  questions: Asked[];
};

/** `subject` is what the certificate says. */
export type Found = { name: string; subject: string; answers: Told[] };

type Credentials = { cert: string; key: string };

const TIMEOUT_MS = 20_000;
const AT_ONCE = 8;
const EMPTY = Buffer.alloc(5);

const { authority, identities, questions } = JSON.parse(readFileSync(0, 'utf8')) as Input;

/** As Istio's agent asks for the certificate of a pod (security/proto/istioca.proto). */
async function certify(token: string): Promise<Credentials> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // A request without a name (PKCS #10, RFC 2986): the authority writes the one that the token proves.
  const info = der(0x30, der(0x02, Buffer.of(0)), der(0x30), publicKey.export({ type: 'spki', format: 'der' }), der(0xa0));
  const algorithm = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const signed = der(0x30, info, algorithm, der(0x03, Buffer.of(0), createSign('SHA256').update(info).sign(privateKey)));
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${signed.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;
  const client = new Client(authority.address, credentials.createSsl(Buffer.from(authority.root_pem)));
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const answer = await new Promise<Buffer>((resolve, reject) => {
    const options = { deadline: Date.now() + TIMEOUT_MS };
    client.makeUnaryRequest('/istio.v1.auth.IstioCertificateService/CreateCertificate', (text: string) => textField(1, text), (bytes: Buffer) => bytes, pem, metadata, options, (error, value) => (error === null ? resolve(value!) : reject(error)));
  });
  client.close();
  return { cert: textFields(answer).join('\n'), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : content.length < 0x100 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

function textField(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of((number << 3) | 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7), bytes]);
}

/** Of a message that has texts only. */
function textFields(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 1; at < bytes.length; at++) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    texts.push(bytes.subarray(at, at + length).toString());
    at += length;
  }
  return texts;
}

/** The name in a pod's certificate is an account's, not a host's: it is the chain that is checked. */
function openTo(address: string, who: Credentials): ClientHttp2Session {
  const [host, port] = address.split(':') as [string, string];
  const session = connectH2(`https://${address}`, { createConnection: () => connectTls({ host, port: Number(port), ...who, ca: authority.root_pem, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined }) });
  return session.on('error', () => {});
}

function askByGrpc(session: ClientHttp2Session, { path }: Asked): Promise<Told> {
  return new Promise((resolve) => {
    const told: Told = { code: -1, details: 'no answer', content_type: '' };
    if (session.destroyed) return resolve(told);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    const note = (headers: Record<string, unknown>): void => {
      if (headers['content-type'] !== undefined) told.content_type = String(headers['content-type']);
      if (headers['grpc-status'] !== undefined) Object.assign(told, { code: Number(headers['grpc-status']), details: decodeURIComponent(String(headers['grpc-message'] ?? '')) });
    };
    stream.setTimeout(TIMEOUT_MS, () => stream.close());
    stream.on('response', note).on('trailers', note).on('error', () => {}).on('close', () => resolve(told)).resume().end(EMPTY);
  });
}

function askByHttp({ address, path, http_method: method }: Asked, who: Credentials): Promise<Told> {
  const [host, port] = address.split(':') as [string, string];
  return new Promise((resolve) => {
    const lost = (error: Error): void => resolve({ code: 0, details: error.message, content_type: '' });
    const options = { host, port, path, method, ...who, ca: authority.root_pem, agent: false, checkServerIdentity: () => undefined, signal: AbortSignal.timeout(TIMEOUT_MS) } as const;
    const sent = request(options, (response) => {
      let details = '';
      response.setEncoding('utf8').on('data', (text: string) => (details += text)).on('error', lost);
      response.on('end', () => resolve({ code: response.statusCode!, details, content_type: response.headers['content-type'] ?? '' }));
    });
    sent.on('error', lost).end();
  });
}

async function askAll(who: Credentials): Promise<Told[]> {
  const sessions = new Map<string, ClientHttp2Session>();
  const answers: Told[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let turn = next++; turn < questions.length; turn = next++) {
      const question = questions[turn]!;
      if (question.http_method !== undefined) {
        answers[turn] = await askByHttp(question, who);
        continue;
      }
      const known = sessions.get(question.address);
      const session = known === undefined || known.destroyed ? openTo(question.address, who) : known;
      sessions.set(question.address, session);
      answers[turn] = await askByGrpc(session, question);
    }
  }));
  for (const session of sessions.values()) session.destroy();
  return answers;
}

const found: Found[] = [];
for (const { name, token } of identities) {
  const who = await certify(token);
  found.push({ name, subject: new X509Certificate(who.cert).subjectAltName ?? '', answers: await askAll(who) });
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
