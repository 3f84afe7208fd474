/* SPDX-License-Identifier: MIT
 *
 * Sorting numbers (times in ns, counts), and looking them up in sorted arrays.
 */
#ifndef TCA_BASE_SORTED_H
#define TCA_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>

/* Below 0, 0, above 0, for comparing by several fields. */
static inline int tca_compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static inline int tca_compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* For qsort(). */
static inline int tca_order_u32(const void *left, const void *right)
{
    return tca_compare_u64(*(const uint32_t *)left, *(const uint32_t *)right);
}

static inline int tca_order_u64(const void *left, const void *right)
{
    return tca_compare_u64(*(const uint64_t *)left, *(const uint64_t *)right);
}

static inline int tca_order_i64(const void *left, const void *right)
{
    return tca_compare_i64(*(const int64_t *)left, *(const int64_t *)right);
}

/* How many of the sorted numbers are below this one. */
static inline size_t tca_count_before(const int64_t *sorted, size_t count, int64_t limit)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (sorted[at] < limit)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

/* How many of them are at or below it. */
static inline size_t tca_count_until(const int64_t *sorted, size_t count, int64_t limit)
{
    return limit == INT64_MAX ? count : tca_count_before(sorted, count, limit + 1);
}

/* One of them; past their end INT64_MAX: never. */
static inline int64_t tca_time_at(const int64_t *time, size_t at, size_t count)
{
    return at < count ? time[at] : INT64_MAX;
}

#endif
