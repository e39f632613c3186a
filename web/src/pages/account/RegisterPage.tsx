import { useState } from 'react';
import type { SubmitEvent } from 'react';
import { Link, Navigate, useNavigate, useSearchParams } from 'react-router';
import { readTokens } from '../../api/api.ts';
import type { ApiError } from '../../api/errors.ts';
import { useApi, useSignedIn } from '../../app/api_context.ts';
import { nextPath } from '../../app/next_path.ts';
import { useAction } from '../../app/use_action.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Field } from '../../components/Field.tsx';
import { useSpeech } from '../../i18n/LanguageProvider.tsx';
import { AccountCard } from './AccountCard.tsx';
import { PasswordField } from './PasswordField.tsx';
import { checkRegistration } from './rules.ts';
import type { Problems, Registration } from './rules.ts';

export default function RegisterPage() {
  const { text, language } = useSpeech();
  const api = useApi();
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const [form, setForm] = useState<Registration>({ login_name: '', password: '', password_again: '', phone: '', email: '' });
  const [tried, setTried] = useState(false);
  const next = nextPath(search);
  const register = useAction(async (requestId, { login_name, password, phone, email }: Registration) => {
    const { tokens } = await api.entrance.register({ requestId, loginName: login_name, password, phone, email, language, deviceId: api.device_id });
    api.tokens.begin(readTokens(tokens), false);
    void navigate(next, { replace: true });
  });
  if (useSignedIn()) return <Navigate to={next} replace />;
  const problems = { ...checkRegistration(form), ...refusedFields(register.error) };
  const change = (field: keyof Registration) => (value: string) => {
    register.clear();
    setForm((before) => ({ ...before, [field]: field.startsWith('password') ? value : value.trim() }));
  };
  const problemOf = (field: keyof Registration): string | undefined => {
    const problem = problems[field];
    return tried && problem !== undefined ? text.account.problem[problem] : undefined;
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(checkRegistration(form)).length === 0) void register.run(form);
  };
  return (
    <AccountCard title={text.account.register_title}>
      <form onSubmit={submit} noValidate className="form">
        <Field label={text.account.login_name} hint={text.account.login_name_hint} value={form.login_name} problem={problemOf('login_name')} onText={change('login_name')} autoComplete="username" autoCapitalize="none" required data-testid="login-name" />
        <PasswordField label={text.account.password} hint={text.account.password_hint} value={form.password} problem={problemOf('password')} onText={change('password')} autoComplete="new-password" test_id="password" />
        <PasswordField label={text.account.password_again} value={form.password_again} problem={problemOf('password_again')} onText={change('password_again')} autoComplete="new-password" test_id="password-again" />
        <Field label={text.account.phone} value={form.phone} problem={problemOf('phone')} onText={change('phone')} type="tel" autoComplete="tel-national" required data-testid="phone" />
        <Field label={`${text.account.email} (${text.common.optional})`} value={form.email} problem={problemOf('email')} onText={change('email')} type="email" autoComplete="email" data-testid="email" />
        <ErrorNotice error={register.error} />
        <button type="submit" className="button button--primary button--large" disabled={register.busy} data-testid="register">
          {text.account.register}
        </button>
      </form>
      <p className="entrance__other">
        {text.account.have_account} <Link to={`/login?${search.toString()}`}>{text.account.log_in_title}</Link>
      </p>
    </AccountCard>
  );
}

/** The field the server refused is marked like one this page refuses. */
function refusedFields(error: ApiError | undefined): Problems<keyof Registration> {
  if (error?.reason === 'PASSWORD_WEAK') return { password: 'password' };
  if (error?.reason === 'PHONE_INVALID') return { phone: 'phone' };
  const field = error?.reason === 'FIELD_INVALID' ? error.metadata['field'] : undefined;
  return field === 'login_name' || field === 'password' || field === 'phone' || field === 'email' ? { [field]: field } : {};
}
