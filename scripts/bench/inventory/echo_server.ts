/**
 * The least a grpc-js server can do: answers every HoldSeats with the same bytes, read and checked by nobody. Started by
 * the benchmark as a process of its own: `echo_server.ts PORT BASE64_ANSWER`.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { passBytes } from '#kit/rpc/messages.ts';

export const ECHO_PATH = '/rail.inventory.v1.InventoryService/HoldSeats';

if (import.meta.main) serve(Number(process.argv[2]), Buffer.from(process.argv[3] ?? '', 'base64'));

function serve(port: number, answer: Buffer): void {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  server.register(ECHO_PATH, (_call: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, answer), passBytes, passBytes, 'unary');
  server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
  });
}
