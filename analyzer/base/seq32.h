/* SPDX-License-Identifier: MIT
 *
 * 32-bit sequence arithmetic, RFC 9293 section 3.4: numbers live on a circle, so "before" is the sign of the
 * difference and only means something for numbers less than 2^31 apart. Never compare sequence numbers,
 * window edges or timestamp values with < anywhere else.
 */
#ifndef TCA_BASE_SEQ32_H
#define TCA_BASE_SEQ32_H

#include <stdbool.h>
#include <stdint.h>

/* How far `a` lies behind `b` (negative) or ahead of it (positive). */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool seq_before(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) < 0;
}

static inline bool seq_after(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) > 0;
}

static inline bool seq_before_eq(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) <= 0;
}

static inline bool seq_after_eq(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) >= 0;
}

/* low <= x <= high, on the circle. */
static inline bool seq_within(uint32_t x, uint32_t low, uint32_t high)
{
    return x - low <= high - low;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
    return seq_after(a, b) ? a : b;
}

#endif
