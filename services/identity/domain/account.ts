import { bucketOf } from '#kit/base/hash.ts';
import { fail, fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { GENES } from '#kit/base/snowflake.ts';

export type Language = 'zh' | 'en';
export type Role = 'traveller' | 'operator' | 'inspector' | 'partner';

/** Somebody who can log in. Phone and e-mail are in clear here and sealed in the store. */
export type Account = {
  account_id: bigint;
  /** As the person wrote it. */
  login_name: string;
  password_hash: string;
  phone: string;
  email?: string;
  push_token?: string;
  language: Language;
  city: string;
  tenant: string;
  roles: readonly Role[];
  member_level: number;
  state: 'ACTIVE' | 'BLOCKED';
  create_time_ms: number;
};

export type Registration = { login_name: string; password: string; phone: string; email: string; language: string; city: string };
export type CheckedRegistration = { login_name: string; password: string; phone: string; email?: string; language: Language; city: string };

/** The rules of a new account: FIELD_INVALID with the field, PASSWORD_WEAK, PHONE_INVALID. */
export function checkRegistration(registration: Registration): Result<CheckedRegistration> {
  const { login_name, password, email, language, city } = registration;
  // Beginning with a letter keeps phone and ID numbers out of a name that is stored in clear.
  if (!/^[A-Za-z]\w{3,31}$/.test(login_name)) return fieldInvalid('login_name', '4 to 32 letters, digits or _, beginning with a letter');
  if (!isStrongPassword(password, login_name)) return fail('PASSWORD_WEAK');
  const phone = normalizePhone(registration.phone);
  if (phone === undefined) return fail('PHONE_INVALID', { metadata: { field: 'phone' } });
  if (email !== '' && !isEmail(email)) return fieldInvalid('email', 'not an e-mail address');
  if (city.length > 40) return fieldInvalid('city', 'at most 40 characters');
  return ok({ login_name, password, phone, email: email === '' ? undefined : email, language: language === 'en' ? 'en' : 'zh', city });
}

/** What a login name is compared by: case does not count. */
export function loginKey(login_name: string): string {
  return login_name.toLowerCase();
}

/**
 * The gene of an account lies inside its id like in every snowflake (`geneOf(account_id)`) and never changes: the id is
 * made with the hash of the login name as its gene, and whatever belongs to the account takes its gene from the id.
 */
export function geneForNewAccount(login_name: string): number {
  return bucketOf(loginKey(login_name), GENES);
}

/** Mainland mobile numbers, with or without +86, spaces and dashes; the 11 digits, or undefined. */
export function normalizePhone(phone: string): string | undefined {
  const digits = phone.normalize('NFKC').replaceAll(/[\s-]/g, '').replace(/^(\+86|0086)/, '');
  return /^1[3-9]\d{9}$/.test(digits) ? digits : undefined;
}

/** 8–128 characters, at least two kinds of them, and not the name itself. Longer beats fancier (NIST SP 800-63B §5.1.1). */
function isStrongPassword(password: string, login_name: string): boolean {
  const length = [...password].length;
  if (length < 8 || length > 128 || password.toLowerCase().includes(loginKey(login_name))) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d]/].filter((kind) => kind.test(password)).length;
  return kinds >= 2 && new Set(password).size >= 4;
}

function isEmail(email: string): boolean {
  return email.length <= 254 && /^[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63})+$/.test(email);
}
