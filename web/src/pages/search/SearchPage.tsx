import { useState } from 'react';
import { Link } from 'react-router';
import { useToday } from '../../app/use_now.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/search.css';
import { LineMap } from './LineMap.tsx';
import { clearRecent, readRecent } from './recent.ts';
import { SearchForm } from './SearchForm.tsx';
import { wishToSearch } from './journey_wish.ts';

export function SearchPage() {
  const text = useText();
  return (
    <>
      <title>{`${text.brand.name} · ${text.brand.tagline}`}</title>
      <section className="hero">
        <LineMap />
        <div className="hero__inner">
          <h1 className="hero__headline">
            <span>{text.search.headline_1}</span>
            <span>{text.search.headline_2}</span>
          </h1>
          <p className="hero__lead">{text.search.lead}</p>
        </div>
      </section>
      <div className="page page--search">
        <SearchForm />
        <Recent />
        <section aria-labelledby="promises">
          <h2 id="promises" className="visually-hidden">
            {text.search.promises_title}
          </h2>
          <ol className="promises">
            {text.search.promises.map(([title, body]) => (
              <li key={title}>
                <h3>{title}</h3>
                <p>{body}</p>
              </li>
            ))}
          </ol>
        </section>
      </div>
    </>
  );
}

function Recent() {
  const text = useText();
  const date = useToday();
  const [journeys, setJourneys] = useState(() => readRecent(localStorage));
  if (journeys.length === 0) return null;
  return (
    <section className="recent" aria-labelledby="recent">
      <h2 id="recent" className="recent__title">
        {text.search.recent}
      </h2>
      <ul className="recent__list">
        {journeys.map(({ from, to }) => (
          <li key={`${from.name}-${to.name}-${from.station_id}-${to.station_id}`}>
            <Link className="recent__journey" to={`/trains?${wishToSearch({ from, to, date, only_high_speed: false, student: false })}`}>
              {from.name}
              <span aria-hidden="true">→</span>
              <span className="visually-hidden">{text.place.to}</span>
              {to.name}
            </Link>
          </li>
        ))}
      </ul>
      <button
        type="button"
        className="link"
        onClick={() => {
          clearRecent(localStorage);
          setJourneys([]);
        }}
      >
        {text.search.clear_recent}
      </button>
    </section>
  );
}
