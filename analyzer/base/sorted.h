/* SPDX-License-Identifier: MIT
 *
 * Looking things up in sorted arrays of numbers: times in ns, counts.
 */
#ifndef TCA_BASE_SORTED_H
#define TCA_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>

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

#endif
