import { useState } from 'react';
import { Field } from '../../components/Field.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';

type Props = { label: string; hint?: string; value: string; problem?: string; autoComplete: 'current-password' | 'new-password'; test_id: string; onText: (text: string) => void };

export function PasswordField({ test_id, ...field }: Props) {
  const text = useText();
  const [shown, setShown] = useState(false);
  const aside = (
    <button type="button" className="link" aria-pressed={shown} onClick={() => setShown(!shown)}>
      {shown ? text.account.hide_password : text.account.show_password}
    </button>
  );
  return <Field {...field} type={shown ? 'text' : 'password'} required aside={aside} data-testid={test_id} />;
}
