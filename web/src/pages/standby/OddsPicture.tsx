import { useText } from '../../i18n/LanguageProvider.tsx';
import { oddsPercent, oddsWord, seatsOfTen } from './odds.ts';

/** Odds as ten seats, of which so many are taken by who waits like this; the words say the same. */
export function OddsPicture({ odds, label }: { odds: number; label: string }) {
  const text = useText();
  const seats = seatsOfTen(odds);
  const percent = text.standby.percent(oddsPercent(odds));
  return (
    <figure className="odds" data-testid="odds" data-percent={oddsPercent(odds)}>
      <figcaption className="odds__words">
        <span className="odds__label">{label}</span>
        <strong className="odds__percent">{percent}</strong>
        <span className="odds__word">{text.standby.odds_words[oddsWord(odds)]}</span>
      </figcaption>
      <svg className="odds__seats" viewBox="0 0 300 34" role="img" aria-label={text.standby.of_ten(seats)}>
        {TEN.map((index) => (
          <path key={index} className={index < seats ? 'odds__seat odds__seat--taken' : 'odds__seat'} d={`M${index * 30 + 6} 4v18q0 4 4 4h12M${index * 30 + 10} 26v5M${index * 30 + 22} 26v5M${index * 30 + 6} 15h13`} />
        ))}
      </svg>
      <p className="odds__meaning">{text.standby.of_ten(seats)}</p>
    </figure>
  );
}

/** The same in one line, for one of several wishes. */
export function OddsBar({ odds }: { odds: number }) {
  const text = useText();
  const percent = oddsPercent(odds);
  const words = `${text.standby.percent(percent)} · ${text.standby.odds_words[oddsWord(odds)]}`;
  return (
    <span className="oddsbar" data-testid="wish-odds" data-percent={percent}>
      <span className="oddsbar__track" aria-hidden="true">
        <span className="oddsbar__fill" style={{ inlineSize: `${percent}%` }} />
      </span>
      <span className="oddsbar__words">
        <span className="visually-hidden">{text.standby.odds} </span>
        {words}
      </span>
    </span>
  );
}

const TEN = Array.from({ length: 10 }, (_, index) => index);
