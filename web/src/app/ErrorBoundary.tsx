import { Component } from 'react';
import type { ReactNode } from 'react';
import { useText } from '../i18n/LanguageProvider.tsx';

/** A page that throws must not take the others with it; a page whose file is gone after a release is loaded anew. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const text = useText();
  return (
    <section className="page page--narrow" role="alert" data-testid="broken">
      <h1>{text.common.broken_title}</h1>
      <p>{text.common.broken_body}</p>
      <button type="button" className="button button--primary" onClick={() => location.reload()}>
        {text.common.reload}
      </button>
    </section>
  );
}
