import { describe, expect, it } from 'vitest';
import { problemOf, samplesOf, valueText } from './samples';

describe('samples', () => {
  it('are lines', () => {
    expect(samplesOf('one\n\n  two three  \r\n')).toEqual(['one', 'two three']);
    expect(samplesOf(' \n ')).toEqual([]);
  });
  it('are JSON values over several lines', () => {
    expect(samplesOf('{"a": 1}\n{\n  "b": "} not the end \\" }"\n}\n{"c":[{}]}')).toEqual([
      '{"a": 1}',
      '{\n  "b": "} not the end \\" }"\n}',
      '{"c":[{}]}',
    ]);
  });
  it('are the members of an array', () => {
    expect(samplesOf('[{"a":1}, "text", {"b":2}]')).toEqual(['{"a":1}', 'text', '{"b":2}']);
  });
  it('stay whole lines when they only begin like JSON', () => {
    expect(samplesOf('{"a":1} and more\n[warn] something {\n{broken')).toEqual(['{"a":1} and more', '[warn] something {', '{broken']);
  });
  it('loses nothing of hostile text', () => {
    for (const text of ['}', ']]]', '{"', '{"a\\', '[', '{}{}', '\u0000'])
      expect(samplesOf(text).join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
  });
});

it('places what is wrong', () => {
  expect(problemOf({ code: 'invalid', message: 'no', details: { line: 3, column: 'x' } })).toEqual({
    code: 'invalid',
    message: 'no',
    line: 3,
  });
});

it('writes values', () => {
  expect([valueText('a'), valueText(null), valueText({ b: 1 }), valueText(5)]).toEqual(['a', '', '{"b":1}', '5']);
});
