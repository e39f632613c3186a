import type { VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { verifyStateKey } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** Whether the authority has confirmed the person. */
export function VerifyTag({ state }: { state: VerifyState }) {
  const text = useText();
  const key = verifyStateKey(state);
  return (
    <span className={`tag tag--${key}`} data-testid="verify-state" data-state={key}>
      {text.passengers.states[key]}
    </span>
  );
}
