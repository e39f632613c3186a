import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { StatusObject } from '@grpc/grpc-js';

/** Calls the echo service with bytes and headers of the test's own, and gives the status as it came over the wire. */
export function rawCall(t: { teardown(end: () => unknown): void }, address: string, method: string, bytes: Buffer, headers: Record<string, string | Buffer> = {}): Promise<StatusObject> {
  const client = new Client(address, credentials.createInsecure());
  t.teardown(() => client.close());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const pass = (buffer: Buffer): Buffer => buffer;
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(`/rail.testing.EchoService/${method}`, pass, pass, bytes, metadata, { deadline: Date.now() + 60_000 }, () => undefined);
    call.on('status', resolve);
  });
}
