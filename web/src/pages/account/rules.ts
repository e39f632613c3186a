import type { Dictionary } from '../../i18n/zh.ts';

type Problem = keyof Dictionary['account']['problem'];
export type Problems<Key extends string> = Partial<Record<Key, Problem>>;

export type Registration = { login_name: string; password: string; password_again: string; phone: string; email: string };

/** What is wrong with a registration, by field: the same rules as the identity service states in its contract. */
export function checkRegistration(form: Registration): Problems<keyof Registration> {
  const problems: Problems<keyof Registration> = {};
  if (!/^\w{4,32}$/.test(form.login_name)) problems.login_name = 'login_name';
  if (form.password.length < 8 || form.password.length > 128 || kindsOf(form.password) < 2) problems.password = 'password';
  if (form.password_again !== form.password) problems.password_again = 'password_again';
  if (!/^1[3-9]\d{9}$/.test(form.phone)) problems.phone = 'phone';
  if (form.email !== '' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(form.email)) problems.email = 'email';
  return problems;
}

function kindsOf(password: string): number {
  return [/[a-zA-Z]/, /\d/, /[^a-zA-Z\d]/].filter((kind) => kind.test(password)).length;
}
