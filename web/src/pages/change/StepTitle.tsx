import { useEffect, useRef } from 'react';
import type { RefObject } from 'react';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { STEPS } from './progress.ts';
import type { ChangeStep } from './progress.ts';

/** The heading of a step. Whoever comes from another step (`moved`) hears it: steps of one address are no new page for a reader of the screen. */
export function StepTitle({ step, title, moved }: { step: ChangeStep; title: string; moved: RefObject<boolean> }) {
  const text = useText();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!moved.current) return;
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [moved]);
  return (
    <h2 className="changetitle" ref={heading} tabIndex={-1} data-testid="change-title" data-step={step}>
      <span className="visually-hidden">{text.change.step_of(STEPS.indexOf(step) + 1, STEPS.length)} </span>
      {title}
    </h2>
  );
}
