import type { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Contacts } from '../app/ports.ts';
import type { Contact } from '../domain/delivery.ts';

/** How many accounts identity tells of in one call. */
const ACCOUNTS_MAX = 500;

/** Addresses are asked for when they are needed, many at once, and never kept. */
export function createContacts(client: ServiceClient<typeof IdentityService>): Contacts {
  return {
    async of(account_ids) {
      const wanted = [...new Set(account_ids)].map(String);
      const parts = Array.from({ length: Math.ceil(wanted.length / ACCOUNTS_MAX) }, (_, part) => wanted.slice(part * ACCOUNTS_MAX, (part + 1) * ACCOUNTS_MAX));
      const answers = await Promise.all(parts.map((accountIds) => client.resolveContacts({ accountIds }, { timeout_ms: 1000, retry: { attempts: 2 } })));
      return new Map(answers.flatMap(({ contacts }) => contacts.map(({ accountId, phone, email, pushToken, language }): [bigint, Contact] => [BigInt(accountId), { phone, email, push_token: pushToken, language: language === 'en' ? 'en' : 'zh' }])));
    },
  };
}
