import { useText } from '../i18n/LanguageProvider.tsx';

/** Grey bars in the shape of what is coming. */
export function Skeleton({ rows = 4, tall = false }: { rows?: number; tall?: boolean }) {
  const text = useText();
  return (
    <div className="skeleton" role="status" data-testid="loading">
      <span className="visually-hidden">{text.common.loading}</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className={tall ? 'skeleton__row skeleton__row--tall' : 'skeleton__row'} />
      ))}
    </div>
  );
}

export function PageSkeleton() {
  return (
    <div className="page">
      <Skeleton rows={5} />
    </div>
  );
}
