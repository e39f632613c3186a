import { Link } from 'react-router';
import { Empty } from '../components/Empty.tsx';
import { useText } from '../i18n/LanguageProvider.tsx';

export default function NotFoundPage() {
  const text = useText();
  return (
    <div className="page page--narrow" data-testid="not-found">
      <title>{`${text.not_found.title} · ${text.brand.name}`}</title>
      <h1 className="visually-hidden">{text.not_found.title}</h1>
      <Empty title={text.not_found.title} hint={text.not_found.body}>
        <Link className="button button--primary" to="/">
          {text.not_found.home}
        </Link>
      </Empty>
    </div>
  );
}
