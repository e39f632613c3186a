import type { ReactNode } from 'react';

/** Nothing here, and what one can do about it. A quiet platform with the rails running on. */
export function Empty({ title, hint, children }: { title: string; hint?: string; children?: ReactNode }) {
  return (
    <div className="empty" data-testid="empty">
      <svg className="empty__art" viewBox="0 0 240 90" aria-hidden="true">
        <path className="empty__rail" d="M0 74H240M0 82H240" />
        <path className="empty__tie" d="M12 70v16M44 70v16M76 70v16M108 70v16M140 70v16M172 70v16M204 70v16M236 70v16" />
        <path className="empty__post" d="M120 70V28M96 28h48v-16H96z" />
        <circle className="empty__lamp" cx="120" cy="20" r="3.5" />
      </svg>
      <p className="empty__title">{title}</p>
      {hint !== undefined && <p className="empty__hint">{hint}</p>}
      {children}
    </div>
  );
}
