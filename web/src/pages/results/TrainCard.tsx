import { useId, useState } from 'react';
import type { TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { SaleLine } from './SaleLine.tsx';
import { StopList } from './StopList.tsx';
import { TrainTimes } from './TrainTimes.tsx';

/** One train: when, how long, what is left in each class and at what price. A leg of a journey is a smaller heading. */
export function TrainCard({ offer, student, leg = false }: { offer: TrainOffer; student: boolean; leg?: boolean }) {
  const text = useText();
  const id = useId();
  const [open, setOpen] = useState(false);
  const { journey } = offer;
  const Heading = leg ? 'h3' : 'h2';
  if (journey === undefined) return null;
  return (
    <li className="train" data-testid={leg ? 'leg' : 'train'} data-train={journey.trainNo}>
      <div className="train__line">
        <div className="train__no">
          <Heading>{journey.trainNo}</Heading>
          <button type="button" className="link" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)} data-testid="stops">
            {open ? text.results.stops_hide : text.results.stops_show}
          </button>
        </div>
        <TrainTimes journey={journey} offer={offer} />
      </div>
      <SaleLine offer={offer} student={student} />
      <div id={id} hidden={!open}>
        {open && <StopList journey={journey} />}
      </div>
    </li>
  );
}
