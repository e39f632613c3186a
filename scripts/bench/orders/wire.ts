/**
 * The few messages a purchase needs, by hand, and Connect over HTTP/1.1 with connections that are kept: a client as light
 * as can be, so that the machine works for the product and not for its load.
 */
import { connect, type Socket } from 'node:net';

/** A field of a protobuf message: text, or a message of its own. */
export function field(number: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

export function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

/** The last value of each field of a message: bytes of what has a length, numbers of the rest. */
export function fieldsOf(message: Buffer): Map<number, Buffer | number> {
  const fields = new Map<number, Buffer | number>();
  let at = 0;
  const next = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < message.length) {
    const tag = next();
    const kind = tag & 7;
    if (kind === 0) fields.set(tag >>> 3, next());
    else if (kind === 2) {
      const length = next();
      fields.set(tag >>> 3, message.subarray(at, at + length));
      at += length;
    } else at += kind === 1 ? 8 : 4;
  }
  return fields;
}

export function textOf(value: Buffer | number | undefined): string {
  return value instanceof Buffer ? value.toString() : '';
}

export type Answer = { status: number; body: Buffer };

/** A request as it goes out: its head up to the length, and its body. */
export function requestBytes(path: string, host: string, headers: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${headers}content-length: ${body.length}\r\n\r\n`), body]);
}

export type Wire = { send(request: Buffer): Promise<Answer>; close(): void; /** Requests that no connection was free for. */ waiting(): number };

const TIMEOUT_MS = 20_000;

/** As many connections as are needed at once, up to a limit; what comes beyond waits its turn. */
export function openWire(host: string, port: number, connections_max: number): Wire {
  const idle: Connection[] = [];
  const all = new Set<Connection>();
  const queue: ((connection: Connection) => void)[] = [];
  const free = (connection: Connection): void => {
    if (connection.broken) all.delete(connection);
    const taker = queue.shift();
    if (taker !== undefined) taker(connection.broken ? add() : connection);
    else if (!connection.broken) idle.push(connection);
  };
  const add = (): Connection => {
    const connection = new Connection(host, port);
    all.add(connection);
    return connection;
  };
  const take = (): Connection | Promise<Connection> => {
    for (let one = idle.pop(); one !== undefined; one = idle.pop()) {
      if (!one.broken) return one;
      all.delete(one);
    }
    return all.size < connections_max ? add() : new Promise((resolve) => queue.push(resolve));
  };
  return {
    async send(request) {
      const connection = await take();
      try {
        return await connection.send(request);
      } finally {
        free(connection);
      }
    },
    close() {
      for (const connection of all) connection.close();
    },
    waiting: () => queue.length,
  };
}

/** One request at a time. An answer has a length or comes in chunks; both end where they say. */
class Connection {
  broken = false;
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  constructor(host: string, port: number) {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.setTimeout(TIMEOUT_MS, () => this.#socket.destroy(new Error('no answer in time')));
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.broken) return reject(new Error('the connection was closed'));
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const answer = answerIn(this.#received);
    if (answer === undefined) return;
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }

  #fail(error: Error): void {
    this.broken = true;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** The answer, once all of it is there. */
export function answerIn(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const start = end + 4;
  if (length !== undefined) return bytes.length < start + Number(length) ? undefined : { status, body: bytes.subarray(start, start + Number(length)) };
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return { status, body: Buffer.alloc(0) };
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { status, body: Buffer.concat(chunks) };
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
