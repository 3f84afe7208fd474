/* SPDX-License-Identifier: MIT
 *
 * Members of a set that is kept as bits: how many, and which.
 */
#ifndef TCA_BASE_BITS_H
#define TCA_BASE_BITS_H

static inline unsigned tca_count_bits(unsigned set)
{
    unsigned count = 0;
    for (; set; set &= set - 1)
        count++;
    return count;
}

/* The place of the lowest one. The set is not empty. */
static inline unsigned tca_lowest_bit(unsigned set)
{
    return (unsigned)__builtin_ctz(set);
}

#endif
