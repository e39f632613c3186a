import { createClient } from '@connectrpc/connect';
import { useEffect, useState } from 'react';
import { ProtectionReason, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import type { GetProtectionResponse } from '#gen/rail/risk/v1/risk_pb.ts';
import { useText } from '../i18n/LanguageProvider.tsx';
import { useApi } from './api_context.ts';

/** Says that everything is slower on purpose, and why, for as long as it is so. Comes with a load of its own: most days nobody sees it. */
export default function ProtectionBanner() {
  const text = useText();
  const state = useProtection();
  return (
    <div role="status" aria-live="polite">
      {state?.active === true && (
        <p className="banner" data-testid="protection">
          {state.reason === ProtectionReason.OPENING ? text.common.protected_opening : text.common.protected_busy}
        </p>
      )}
    </div>
  );
}

/** Asked for now and then while somebody looks; undefined until the first answer, the last one while there is none. */
function useProtection(): GetProtectionResponse | undefined {
  const { anonymous } = useApi();
  const [state, setState] = useState<GetProtectionResponse>();
  useEffect(() => {
    const risk = createClient(RiskService, anonymous);
    const abort = new AbortController();
    const ask = async (): Promise<void> => {
      if (document.hidden) return;
      try {
        setState(await risk.getProtection({}, { signal: abort.signal }));
      } catch {
        // A banner is not worth an error message.
      }
    };
    const first = setTimeout(() => void ask(), ASK_AFTER_MS);
    const again = setInterval(() => void ask(), ASK_EVERY_MS);
    return () => {
      clearTimeout(first);
      clearInterval(again);
      abort.abort();
    };
  }, [anonymous]);
  return state;
}

/** After the page's own calls, which count against the same limit. */
const ASK_AFTER_MS = 2_000;
const ASK_EVERY_MS = 60_000;
