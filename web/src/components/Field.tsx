import { useId } from 'react';
import type { InputHTMLAttributes, ReactNode } from 'react';

type Props = Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'> & { label: string; hint?: string; problem?: string; onText: (text: string) => void; aside?: ReactNode };

/** A labelled input with a hint and, once there is one, what is wrong with it. */
export function Field({ label, hint, problem, onText, aside, ...input }: Props) {
  const id = useId();
  const described = [hint !== undefined && `${id}-hint`, problem !== undefined && `${id}-problem`].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label className="field__label" htmlFor={id}>
        {label}
      </label>
      <div className="field__row">
        <input {...input} id={id} className="input" aria-invalid={problem !== undefined} aria-describedby={described || undefined} onChange={(event) => onText(event.target.value)} />
        {aside}
      </div>
      {hint !== undefined && problem === undefined && (
        <p className="field__hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <p className="field__problem" id={`${id}-problem`} aria-live="polite">
        {problem}
      </p>
    </div>
  );
}
