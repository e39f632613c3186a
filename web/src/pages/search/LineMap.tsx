import { useSpeech } from '../../i18n/LanguageProvider.tsx';

/**
 * The country's trunk lines as a diagram in eighths of a turn, as line maps are drawn. Decoration: what it says is in the
 * headline. One train of light runs home along the line from Guangzhou to Harbin.
 */
export function LineMap() {
  const { language } = useSpeech();
  return (
    <svg className="linemap" viewBox="0 0 960 620" preserveAspectRatio="xMidYMin slice" aria-hidden="true">
      <g className="linemap__lines">
        {LINES.map((line) => (
          <path key={line} d={line} />
        ))}
      </g>
      <path className="linemap__home" d={HOME} />
      <path className="linemap__train" d={HOME} pathLength="100" />
      <g className="linemap__stations">
        {CITIES.map(([x, y, zh, en, side]) => (
          <g key={en} transform={`translate(${x} ${y})`}>
            <circle r="4.5" />
            <text x={side === 'left' ? -11 : 11} y="5" textAnchor={side === 'left' ? 'end' : 'start'}>
              {language === 'zh' ? zh : en}
            </text>
          </g>
        ))}
      </g>
    </svg>
  );
}

const HOME = 'M620 560V450L580 410V330L600 310V220L640 180V150L740 60L800 30';
const LINES = [
  'M640 180H700L760 240V340L800 380',
  'M640 150V180L560 180V240L480 320',
  'M60 170L200 170L300 270L340 270H420L480 320',
  'M420 270H600H700L760 340',
  'M360 410L400 370H580H660L720 340H800',
  'M800 380V410L740 470L700 470H580L540 510H400L330 510',
  'M480 320V350L400 430L360 410',
  'M400 430V510',
  'M800 410L800 480L740 540L680 560H620',
  'M620 560L560 560L500 520L400 510',
  'M580 330H640L700 310L760 310',
  'M740 60L690 60L640 110V150',
];
const CITIES: [number, number, string, string, 'left' | 'right'][] = [
  [800, 30, '哈尔滨', 'Harbin', 'right'], [740, 60, '沈阳', 'Shenyang', 'right'], [640, 150, '北京', 'Beijing', 'left'], [700, 180, '天津', 'Tianjin', 'right'],
  [760, 240, '济南', 'Jinan', 'right'], [560, 180, '太原', 'Taiyuan', 'left'], [600, 270, '郑州', 'Zhengzhou', 'left'], [480, 320, '西安', "Xi'an", 'right'],
  [300, 270, '兰州', 'Lanzhou', 'right'], [60, 170, '乌鲁木齐', 'Ürümqi', 'right'], [800, 380, '上海', 'Shanghai', 'right'], [760, 340, '南京', 'Nanjing', 'left'],
  [580, 370, '武汉', 'Wuhan', 'left'], [580, 470, '长沙', 'Changsha', 'right'], [700, 470, '南昌', 'Nanchang', 'right'], [800, 410, '杭州', 'Hangzhou', 'right'],
  [360, 410, '成都', 'Chengdu', 'left'], [400, 430, '重庆', 'Chongqing', 'right'], [400, 510, '贵阳', 'Guiyang', 'right'], [330, 510, '昆明', 'Kunming', 'left'],
  [620, 560, '广州', 'Guangzhou', 'right'], [740, 540, '厦门', 'Xiamen', 'right'],
];
