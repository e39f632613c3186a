import { create } from 'qrcode';
import { useMemo } from 'react';

/** A QR code as one SVG path, drawn in the browser: the token goes to no image server. Always dark on white, for scanners. */
export function QrCode({ content, label }: { content: string; label: string }) {
  const { path, size } = useMemo(() => draw(content), [content]);
  return (
    <svg className="qr" viewBox={`${-QUIET} ${-QUIET} ${size + 2 * QUIET} ${size + 2 * QUIET}`} role="img" aria-label={label} shapeRendering="crispEdges" data-testid="qr">
      <rect x={-QUIET} y={-QUIET} width={size + 2 * QUIET} height={size + 2 * QUIET} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

/** Each run of dark modules in a row becomes one rectangle. */
function draw(content: string): { path: string; size: number } {
  const { size, data } = create(content, { errorCorrectionLevel: 'M' }).modules;
  let path = '';
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const start = x;
      while (x < size && data[y * size + x]) x += 1;
      if (x > start) path += `M${start} ${y}h${x - start}v1h${start - x}z`;
    }
  }
  return { path, size };
}

/** ISO/IEC 18004 wants four modules of white around; two suffice on white paper, which the ticket gives. */
const QUIET = 3;
