import { expect, it } from 'vitest'
import { bucketBound, bucketOf, LogHistogram } from './log-histogram.ts'

it('puts a value into a bucket whose bounds are at most 4 % apart around it', () => {
  for (let seconds = 2e-6; seconds < 10_000; seconds *= 1.37) {
    const index = bucketOf(seconds)
    expect(seconds).toBeLessThanOrEqual(bucketBound(index) * 1.000001)
    expect(seconds).toBeGreaterThan(bucketBound(index) / 1.0401)
  }
})

it.each([0, -1, Number.NaN, 1e-9])('counts %d in the first bucket', value => expect(bucketOf(value)).toBe(0))

it('keeps sum, count and the filled buckets', () => {
  const histogram = new LogHistogram()
  histogram.record(0.5)
  histogram.record(0.5)
  histogram.record(1e9)
  expect(histogram.count).toBe(3)
  expect(histogram.filled()).toEqual([[bucketOf(0.5), 2], [599, 1]])
})
