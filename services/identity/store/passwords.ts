import { hash, verify } from '@node-rs/argon2';
import { FailureError } from '#kit/base/result.ts';
import { Gate } from '#kit/rpc/gate.ts';
import type { Passwords } from '../app/ports.ts';

/** OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, 2 passes, 1 lane. The algorithm is the library's default. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Each takes 19 MiB and tens of milliseconds of a core; beyond this, waiting would only pile up. */
const AT_ONCE = 64;

/** Argon2id, with the same work for accounts that do not exist. */
export async function createPasswords(): Promise<Passwords> {
  const gate = new Gate(AT_ONCE);
  // Nobody's password; made at the start so that it has today's parameters.
  const nobody = await hash(crypto.randomUUID(), PARAMETERS);
  async function limited<T>(work: () => Promise<T>): Promise<T> {
    if (!gate.enter()) throw new FailureError({ reason: 'OVERLOADED', retry_after_ms: 1000 });
    try {
      return await work();
    } finally {
      gate.leave();
    }
  }
  return {
    hash: (password) => limited(() => hash(password.normalize('NFKC'), PARAMETERS)),
    async verify(password, known) {
      const right = await limited(() => verify(known ?? nobody, password.normalize('NFKC')));
      return known !== undefined && right;
    },
  };
}
