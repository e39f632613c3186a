import { useText } from '../../i18n/LanguageProvider.tsx';

/**
 * The way from the end of the queue to the counter. The train stands exactly where the numbers put it and moves only when
 * they do; the sleepers it has passed are people who have been served.
 */
export function QueueTrack({ first_ahead, ahead }: { first_ahead: number; ahead: number }) {
  const text = useText();
  const total = Math.max(first_ahead, ahead, 1);
  const done = (total - ahead) / total;
  const train_x = START + (PLATFORM - START) * done;
  return (
    <figure className="track">
      <svg viewBox="0 0 640 120" role="img" aria-label={text.queue.picture(Math.round(done * 100))}>
        <g className="track__ties">
          {TIES.map((x) => (
            <path key={x} d={`M${x} 78v18`} className={x <= train_x ? 'track__tie--passed' : undefined} />
          ))}
        </g>
        <path className="track__rail" d={`M${START - 20} 82H${END + 30}M${START - 20} 92H${END + 30}`} />
        <path className="track__rail track__rail--done" d={`M${START - 20} 82H${train_x}M${START - 20} 92H${train_x}`} />
        <g className="track__counter">
          <text x={END + 26} y="118" textAnchor="middle">
            {text.queue.counter}
          </text>
          <path d={`M${END + 4} 78V40h44v38M${END} 40l26-16 26 16M${END + 16} 52h20v12h-20z`} />
        </g>
        <g className="track__train" style={{ transform: `translateX(${train_x}px)` }}>
          <path className="track__body" d="M-46 74V60q0-8 8-8h34q20 0 30 22z" />
          <path className="track__window" d="M-38 58h8v7h-8zM-25 58h8v7h-8zM-12 58h8v7h-8zM2 58q8 1 12 7H2z" />
          <circle cx="-32" cy="76" r="5" />
          <circle cx="8" cy="76" r="5" />
          <text x="-12" y="42" textAnchor="middle">
            {text.queue.you}
          </text>
        </g>
      </svg>
    </figure>
  );
}

const START = 66;
/** Where the train stands when it has arrived: before the counter at END. */
const PLATFORM = 532;
const END = 560;
const TIES = Array.from({ length: 28 }, (_, index) => START - 16 + index * 20);
