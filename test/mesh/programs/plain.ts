/**
 * Runs in a pod: tries to be heard at the addresses that stand as JSON on its standard input, without a certificate. Writes for
 * each address and manner what came back, as text; nothing where the connection was closed without a word.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type Heard = { address: string; manner: string; answer: string };

const TIMEOUT_MS = 10_000;

const HTTP = 'GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
/** The preface of HTTP/2 with empty settings, which every server of gRPC answers. */
const H2 = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

const MANNERS: Record<string, (host: string, port: number) => { socket: Socket; text: string }> = {
  'HTTP/1.1': (host, port) => ({ socket: connect(port, host), text: HTTP }),
  'HTTP/2': (host, port) => ({ socket: connect(port, host), text: H2 }),
  'TLS without a certificate': (host, port) => ({ socket: connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }), text: H2 }),
};

function listen(address: string, manner: string): Promise<Heard> {
  const [host, port] = address.split(':') as [string, string];
  const { socket, text } = MANNERS[manner]!(host, Number(port));
  return new Promise((resolve) => {
    let answer = '';
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('silence')));
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
      socket.destroy();
    });
    socket.on('error', () => {}).on('close', () => resolve({ address, manner, answer }));
    socket.write(text, 'latin1');
  });
}

const { addresses } = JSON.parse(readFileSync(0, 'utf8')) as { addresses: string[] };
const heard = await Promise.all(addresses.flatMap((address) => Object.keys(MANNERS).map((manner) => listen(address, manner))));
process.stdout.write(JSON.stringify(heard), () => process.exit(0));
