import { useState } from 'react';
import type { SubmitEvent } from 'react';
import { Link, Navigate, useNavigate, useSearchParams } from 'react-router';
import { Channel } from '#gen/rail/type/v1/journey_pb.ts';
import { readTokens } from '../../api/api.ts';
import { useApi, useSignedIn } from '../../app/api_context.ts';
import { nextPath } from '../../app/next_path.ts';
import { useAction } from '../../app/use_action.ts';
import { Captcha } from '../../components/Captcha.tsx';
import { Check } from '../../components/Choice.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Field } from '../../components/Field.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { AccountCard } from './AccountCard.tsx';
import { PasswordField } from './PasswordField.tsx';

export default function LogInPage() {
  const text = useText();
  const api = useApi();
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const [login_name, setLoginName] = useState('');
  const [password, setPassword] = useState('');
  const [shared, setShared] = useState(false);
  const [tried, setTried] = useState(false);
  const next = nextPath(search);
  const logIn = useAction(async (_request_id, captchaToken: string) => {
    const { tokens } = await api.entrance.logIn({ loginName: login_name.trim(), password, deviceId: api.device_id, channel: Channel.WEB, captchaToken });
    api.tokens.begin(readTokens(tokens), shared);
    void navigate(next, { replace: true });
  });
  if (useSignedIn()) return <Navigate to={next} replace />;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (login_name.trim() !== '' && password !== '') void logIn.run('');
  };
  const required = (value: string): string | undefined => (tried && value === '' ? text.account.problem.required : undefined);
  return (
    <AccountCard title={text.account.log_in_title}>
      <form onSubmit={submit} noValidate className="form">
        <Field label={text.account.login_name} value={login_name} problem={required(login_name.trim())} onText={setLoginName} autoComplete="username" autoCapitalize="none" required data-testid="login-name" />
        <PasswordField label={text.account.password} value={password} problem={required(password)} onText={setPassword} autoComplete="current-password" test_id="password" />
        <Check label={text.account.shared} checked={shared} onCheck={setShared} test_id="shared-computer" />
        <ErrorNotice error={logIn.error} />
        {logIn.error?.reason === 'CAPTCHA_REQUIRED' && <Captcha onSolved={(token) => void logIn.run(token)} />}
        <button type="submit" className="button button--primary button--large" disabled={logIn.busy} data-testid="log-in">
          {text.account.log_in}
        </button>
      </form>
      <p className="entrance__other">
        {text.account.no_account} <Link to={`/register?${search.toString()}`} data-testid="to-register">{text.account.register_title}</Link>
      </p>
    </AccountCard>
  );
}
