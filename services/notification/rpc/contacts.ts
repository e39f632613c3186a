import type { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Contacts } from '../app/ports.ts';

/** Addresses are asked for when they are needed and never kept; deliveries that ask for one at the same time share the answer. */
export function createContacts(client: ServiceClient<typeof IdentityService>): Contacts {
  const asking = new Map<bigint, ReturnType<Contacts['of']>>();
  return {
    of(account_id) {
      const asked = asking.get(account_id) ?? ask(client, account_id).finally(() => asking.delete(account_id));
      asking.set(account_id, asked);
      return asked;
    },
  };
}

async function ask(client: ServiceClient<typeof IdentityService>, account_id: bigint): ReturnType<Contacts['of']> {
  try {
    const { phone, email, pushToken, language } = await client.resolveContact({ accountId: String(account_id) }, { timeout_ms: 1000, retry: { attempts: 2 } });
    return { phone, email, push_token: pushToken, language: language === 'en' ? 'en' : 'zh' };
  } catch (error) {
    if (error instanceof RpcError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
