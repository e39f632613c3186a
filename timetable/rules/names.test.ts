import test from 'ava';
import { cityOf, GAZETTEER, provinceOf } from './city.ts';
import { readingOf, readingWithHint } from './pinyin.ts';
import { stationNames } from './station_names.ts';
import { trainNumbers, trainTypeOf } from './train_type.ts';

test('well-known polyphones are read as the stations are called', (t) => {
  const readings: Record<string, string> = {
    重庆北: 'chongqingbei', 长春: 'changchun', 厦门北: 'xiamenbei', 蚌埠南: 'bengbunan', 六安: 'luan', 乐山: 'leshan',
    乐清: 'yueqing', 台州西: 'taizhouxi', 亳州: 'bozhou', 渑池南: 'mianchinan', 鄠邑: 'huyi', 耒阳西: 'leiyangxi',
    都匀东: 'duyundong', 成都东: 'chengdudong', 朝阳: 'chaoyang', 什邡: 'shifang', 单县: 'shanxian', 长沙南: 'changshanan',
    砀山南: 'dangshannan', 婺源: 'wuyuan', 略阳: 'lveyang', 乌鲁木齐: 'wulumuqi',
  };
  for (const [name, pinyin] of Object.entries(readings)) t.is(readingOf(name).pinyin, pinyin, name);
  t.is(readingOf('重庆北').pinyin_initials, 'cqb');
});

test("a feed's own reading wins, and initials follow it", (t) => {
  t.deepEqual(readingWithHint('单城', 'shancheng').syllables, ['shan', 'cheng']);
  t.is(readingWithHint('阿城', 'echeng').pinyin_initials, 'ec');
  t.is(readingWithHint('北京南', 'Beijing Nan').pinyin, 'beijingnan');
  t.is(readingWithHint('北京南', '北京南').pinyin, 'beijingnan');
  t.is(readingWithHint('北京南', 'peking').pinyin, 'peking');
});

test('the city follows from the name, with the exceptions named', (t) => {
  const cities: Record<string, string> = {
    北京南: '北京', 上海虹桥: '上海', 南翔北: '上海', 合肥北城: '合肥', 北京朝阳: '北京', 辽宁朝阳: '朝阳', 渭南: '渭南',
    渭南北: '渭南', 海东: '海东', 汉口: '武汉', 福田: '深圳', 双峰北: '双峰', 广州东站: '广州', 淮南东: '淮南', 永修: '永修',
  };
  for (const [name, city] of Object.entries(cities)) t.is(cityOf(name), city, name);
  t.is(provinceOf('苏州新区'), '江苏');
  t.is(provinceOf('不知道'), '');
});

test('English names are place and direction', (t) => {
  t.is(stationNames('北京南').name_en, 'Beijing South');
  t.is(stationNames('哈尔滨西').name_en, 'Harbin West');
  t.is(stationNames('西安').name_en, "Xi'an");
  t.is(stationNames('渭南').name_en, 'Weinan');
});

test('the gazetteer holds over three hundred stations, all in China, all readable', (t) => {
  t.true(GAZETTEER.size > 300);
  for (const { name_zh, lat, lon, rank, province, city_zh } of GAZETTEER.values()) {
    t.true(lat > 18 && lat < 54 && lon > 73 && lon < 135, name_zh);
    t.true([1, 2, 3].includes(rank) && province !== '' && city_zh !== '', name_zh);
    t.regex(readingOf(name_zh).pinyin, /^[a-z]+$/, name_zh);
  }
});

test('the train type is the letter before the number', (t) => {
  for (const type of ['G', 'D', 'C', 'Z', 'T', 'K'] as const) t.is(trainTypeOf(`${type}101`), type);
  t.is(trainTypeOf('D3136/D3137'), 'D');
  for (const train_no of ['1461', 'Y501', 'Kamera', '', '/', 'L20']) t.is(trainTypeOf(train_no), 'other', train_no);
  t.deepEqual(trainNumbers('D3136/ D3137'), ['D3136', 'D3137']);
});
