/* SPDX-License-Identifier: MIT
 *
 * The checksum of a TCP segment, verified.
 */
#ifndef TCA_DECODE_CHECKSUM_H
#define TCA_DECODE_CHECKSUM_H

#include "decode/segment.h"

/* The addresses that it covers: 4 or 16 bytes each. */
struct tca_sum_ends {
    const uint8_t *src, *dst;
    uint32_t len;
};

/* `tcp` is the whole segment of `len` bytes, at least a fixed header. Never TCA_CHECKSUM_UNVERIFIED. */
enum tca_checksum tca_checksum_of(const struct tca_sum_ends *ends, const uint8_t *tcp, uint32_t len);

/* Sum of the bytes as 32-bit words of this machine, the last one filled up with zeros; not folded. */
uint64_t tca_sum_words(const uint8_t *bytes, uint32_t len);

#endif
