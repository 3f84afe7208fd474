/* SPDX-License-Identifier: MIT
 *
 * Counting members of a set that is kept as bits.
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

#endif
