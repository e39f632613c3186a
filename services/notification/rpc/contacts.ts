import type { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Contacts } from '../app/ports.ts';

/** Addresses are asked for when they are needed and never kept. */
export function createContacts(client: ServiceClient<typeof IdentityService>): Contacts {
  return {
    async of(account_id) {
      try {
        const { phone, email, pushToken, language } = await client.resolveContact({ accountId: String(account_id) }, { timeout_ms: 1000, retry: { attempts: 2 } });
        return { phone, email, push_token: pushToken, language: language === 'en' ? 'en' : 'zh' };
      } catch (error) {
        if (error instanceof RpcError && error.code === 'NOT_FOUND') return undefined;
        throw error;
      }
    },
  };
}
