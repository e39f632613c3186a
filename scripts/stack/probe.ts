/** Is a server serving? Asked over its own protocol, with nothing but a socket, until it is. */
import { connect } from 'node:net';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOPBACK } from './ports.ts';

const PAUSE_MS = 50;
const ANSWER_WITHIN_MS = 2_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Repeats a question until it is answered yes, or the signal aborts. */
export async function until(signal: AbortSignal, ask: () => Promise<boolean>): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (await ask()) return;
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

export function redisServes(port: number, password: string): Promise<boolean> {
  return talk(port, `AUTH ${password}\r\nPING\r\n`, (answer) => answer.includes('+PONG'));
}

/** Ready means that JetStream is, too: the greeting says so. */
export function natsServes(port: number, token: string): Promise<boolean> {
  const hello = JSON.stringify({ verbose: false, pedantic: false, auth_token: token, lang: 'probe', version: '1', protocol: 1 });
  return talk(port, `CONNECT ${hello}\r\nPING\r\n`, (answer) => answer.includes('"jetstream":true') && answer.includes('PONG'));
}

/** MariaDB greets whoever connects, as soon as it accepts logins: protocol version 10 behind a four-byte header. */
export function mysqlServes(port: number): Promise<boolean> {
  return talk(port, '', (_, bytes) => bytes.length > 5 && bytes[4] === 10);
}

export function httpServes(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ host: LOOPBACK, port, path, timeout: ANSWER_WITHIN_MS }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port, timeout: ANSWER_WITHIN_MS });
    const end = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

function talk(port: number, words: string, good: (answer: string, bytes: Buffer) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = Buffer.alloc(0);
    const socket = connect({ host: LOOPBACK, port });
    const timer = setTimeout(() => end(false), ANSWER_WITHIN_MS);
    const end = (yes: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', () => socket.write(words));
    socket.on('data', (data: Buffer) => {
      heard = Buffer.concat([heard, data]);
      if (good(heard.toString('latin1'), heard)) end(true);
      else if (heard.length > ANSWER_BYTES_MAX) end(false);
    });
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}
