import { createClient } from '@connectrpc/connect';
import { useState } from 'react';
import { RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { useApi } from '../app/api_context.ts';
import { useAction } from '../app/use_action.ts';
import { useLoad } from '../app/use_load.ts';
import { useText } from '../i18n/LanguageProvider.tsx';
import { ErrorNotice } from './ErrorNotice.tsx';
import { Field } from './Field.tsx';

/**
 * The check that a person is there. The picture is shown as an image, never as markup, so that nothing in it can run; its
 * question is also there as text.
 */
export function Captcha({ onSolved }: { onSolved: (captcha_token: string) => void }) {
  const text = useText();
  const api = useApi();
  const risk = createClient(RiskService, api.anonymous);
  const [answer, setAnswer] = useState('');
  const challenge = useLoad('captcha', (signal) => risk.createCaptcha({ deviceId: api.device_id }, { signal }));
  const solve = useAction(async (_request_id, captchaId: string) => {
    const { captchaToken } = await risk.solveCaptcha({ captchaId, answer: answer.trim() });
    onSolved(captchaToken);
  });
  const { value } = challenge;
  return (
    <div className="captcha" data-testid="captcha">
      <ErrorNotice error={challenge.error ?? solve.error} onRetry={challenge.reload} />
      {value !== undefined && (
        <>
          <img src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(value.imageSvg)}`} alt={value.questionText} />
          <Field label={value.questionText} value={answer} onText={setAnswer} autoComplete="off" data-testid="captcha-answer" />
          <button type="button" className="button" disabled={solve.busy || answer.trim() === ''} onClick={() => void solve.run(value.captchaId)} data-testid="captcha-solve">
            {text.common.confirm}
          </button>
        </>
      )}
    </div>
  );
}
