import { useNavigate } from 'react-router';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { dayOf, fullDate } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/account.css';
import { dropEveryQueuePass } from '../queue/queue_pass.ts';

export default function AccountPage() {
  const text = useText();
  const api = useApi();
  const navigate = useNavigate();
  const { value, error, loading, reload } = useLoad('account', async (signal) => (await api.identity.getAccount({}, { signal })).account);
  const leave = (): void => {
    api.tokens.end();
    dropEveryQueuePass({ tab: sessionStorage, browser: localStorage });
    sessionStorage.clear();
    void navigate('/');
  };
  const logOut = useAction(async (_request_id, everywhere: boolean) => {
    try {
      await api.identity.logOut({ everywhere });
    } finally {
      // Whoever signs out here is out here, even when the server cannot be told now.
      if (!everywhere) leave();
    }
    leave();
  });
  return (
    <div className="page page--narrow">
      <title>{`${text.account.title} · ${text.brand.name}`}</title>
      <h1>{text.account.title}</h1>
      <ErrorNotice error={error ?? logOut.error} onRetry={reload} />
      {loading && value === undefined && <Skeleton rows={3} />}
      {value !== undefined && (
        <dl className="facts">
          <dt>{text.account.login_name}</dt>
          <dd data-testid="account-name">{value.loginName}</dd>
          <dt>{text.account.phone}</dt>
          <dd>{value.phoneMasked}</dd>
          {value.emailMasked !== '' && (
            <>
              <dt>{text.account.email}</dt>
              <dd>{value.emailMasked}</dd>
            </>
          )}
          {value.createTime !== undefined && (
            <>
              <dt>{text.account.member_since}</dt>
              <dd>{fullDate(dayOf(value.createTime), text)}</dd>
            </>
          )}
        </dl>
      )}
      <div className="actions">
        <button type="button" className="button button--primary" disabled={logOut.busy} onClick={() => void logOut.run(false)} data-testid="log-out">
          {text.account.log_out}
        </button>
        <button type="button" className="button" disabled={logOut.busy} onClick={() => void logOut.run(true)} data-testid="log-out-everywhere">
          {text.account.log_out_everywhere}
        </button>
      </div>
    </div>
  );
}
