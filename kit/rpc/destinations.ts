import { connectivityState as State } from '@grpc/grpc-js';
import type { Client } from '@grpc/grpc-js';
import { rank } from '#kit/base/hash.ts';
import { ChannelPool } from './pool.ts';
import type { PoolOptions } from './pool.ts';

export type DestinationOptions = Omit<PoolOptions, 'address'> & {
  /** `host:port`, or any target that grpc-js resolves (`dns:///…`); or one for each process of the service. */
  address: string | readonly string[];
};

/** How long a call waits for a connection before the next process in its order is asked instead. */
const CONNECT_WITHIN_MS = 500;

/**
 * The processes of one service, and which of them a call goes to. With a route key the one that rendezvous hashing picks
 * (docs/adr/0013), else each in turn. One that can't be connected to is passed over for the next in order; that happens
 * before a call is sent, so no call is ever sent twice. With one address, as in the mesh, there is nothing to choose.
 */
export class Destinations {
  readonly #processes: Map<string, Process>;
  readonly #addresses: readonly string[];
  #turn = 0;

  constructor({ address, ...options }: DestinationOptions) {
    this.#addresses = [...new Set(typeof address === 'string' ? [address] : address)];
    if (this.#addresses.length === 0) throw new TypeError('a service has at least one address');
    this.#processes = new Map(this.#addresses.map((one) => [one, new Process({ ...options, address: one })]));
  }

  /** The connection of a call, when it need not be waited for. */
  ready(route_key: string | undefined): Client | undefined {
    if (this.#addresses.length === 1) return this.#processes.get(this.#addresses[0]!)!.take();
    const client = this.#processes.get(this.#order(route_key)[0]!)!.ready();
    if (client !== undefined) this.#turn += 1;
    return client;
  }

  /** The connection of a call, made if need be. When no process can be connected to, that of the first: the call says why. */
  async choose(route_key: string | undefined, deadline_ms: number): Promise<Client> {
    const order = this.#order(route_key).map((address) => this.#processes.get(address)!);
    this.#turn += 1;
    for (const process of order) {
      const client = await process.connected(Math.min(deadline_ms, Date.now() + CONNECT_WITHIN_MS));
      if (client !== undefined) return client;
    }
    return order[0]!.take();
  }

  close(): void {
    for (const process of this.#processes.values()) process.close();
  }

  #order(route_key: string | undefined): readonly string[] {
    if (route_key !== undefined) return rank(route_key, this.#addresses);
    const first = this.#turn % this.#addresses.length;
    return [...this.#addresses.slice(first), ...this.#addresses.slice(0, first)];
  }
}

class Process {
  readonly #pool: ChannelPool;
  /** Connections that were waited for in vain: nobody waits for them again until they stand. */
  readonly #slow = new Set<Client>();

  constructor(options: PoolOptions) {
    this.#pool = new ChannelPool(options);
  }

  take(): Client {
    return this.#pool.take();
  }

  ready(): Client | undefined {
    const client = this.#pool.take();
    return stateOf(client) === State.READY ? client : undefined;
  }

  async connected(until_ms: number): Promise<Client | undefined> {
    const client = this.#pool.take();
    for (;;) {
      // Asking also starts a connection where there is none.
      const state = stateOf(client);
      if (state === State.READY) {
        this.#slow.delete(client);
        return client;
      }
      if (state === State.TRANSIENT_FAILURE || state === State.SHUTDOWN || this.#slow.has(client)) return undefined;
      if (!(await changed(client, state, until_ms))) {
        this.#slow.add(client);
        return undefined;
      }
    }
  }

  close(): void {
    this.#pool.close();
  }
}

function stateOf(client: Client): State {
  return client.getChannel().getConnectivityState(true);
}

/** False when the state is the same at that time. */
function changed(client: Client, from: State, until_ms: number): Promise<boolean> {
  return new Promise((resolve) => client.getChannel().watchConnectivityState(from, until_ms, (error) => resolve(error === undefined)));
}
