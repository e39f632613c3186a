import { Client, credentials as channelCredentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

export type PoolOptions = {
  /** One process, or a name that stands for them all. */
  address: string;
  /** Connections, used in turn. One carries many calls; more help when a single one is the bottleneck. */
  channels?: number;
  credentials?: ChannelCredentials;
  /** Largest answer, in bytes. */
  max_receive_bytes?: number;
};

/** Connections to one address. They open with the first call and reconnect by themselves. */
export class ChannelPool {
  readonly #clients: Client[];
  #next = 0;

  constructor({ address, channels = 1, credentials = channelCredentials.createInsecure(), max_receive_bytes = 4 << 20 }: PoolOptions) {
    const options = {
      'grpc.max_receive_message_length': max_receive_bytes,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5000,
      // Policy is ours and the mesh's, never a DNS record's.
      'grpc.service_config_disable_resolution': 1,
      // grpc-js shares a connection between channels of the same address: a pool would be one connection, and what one
      // client tried in vain would be the first answer of another that was made later, while nobody tries again yet.
      'grpc.use_local_subchannel_pool': 1,
    };
    this.#clients = Array.from({ length: channels }, () => new Client(address, credentials, options));
  }

  take(): Client {
    this.#next = (this.#next + 1) % this.#clients.length;
    return this.#clients[this.#next]!;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
