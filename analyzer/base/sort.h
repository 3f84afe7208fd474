/* SPDX-License-Identifier: MIT
 *
 * Sorting what the sweeps gather: stable, and linear where the list is nearly in order, as most are that were filled while
 * dossiers came by time. Otherwise linear in the number of items too, whoever chose them, as far as digests tell them apart.
 */
#ifndef TCA_BASE_SORT_H
#define TCA_BASE_SORT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* As for qsort(). */
typedef int tca_order_fn(const void *left, const void *right);
/* Two numbers, the first one first, that agree with the order: never larger for an item that comes first. Where they are equal
 * the order decides. */
struct tca_digest {
    uint64_t first, second;
};
typedef struct tca_digest tca_digest_fn(const void *item);

void tca_sort(void *list, size_t count, size_t size, tca_digest_fn *digest, tca_order_fn *order);

void tca_sort_i64(int64_t *number, size_t count);
void tca_sort_u64(uint64_t *number, size_t count);
void tca_sort_u32(uint32_t *number, size_t count);

/* ---- parts of digests ---- */

/* Signed numbers in their order. */
static inline uint64_t tca_digest_i64(int64_t number)
{
    return (uint64_t)number ^ UINT64_C(1) << 63;
}

/* Capture, then address, then another number; of an address that is none of IPv4 as much as there is room for instead. */
static inline struct tca_digest tca_digest_place(uint32_t capture, const uint8_t addr[16], uint64_t then)
{
    enum { CAPTURE_BITS = 14, CAPTURES = 1 << CAPTURE_BITS, LEFT = CAPTURE_BITS + 1 };
    if (capture >= CAPTURES - 1)
        return (struct tca_digest){UINT64_MAX, 0};
    uint64_t high, low, named = (uint64_t)capture << (64 - CAPTURE_BITS);
    const uint64_t half = UINT64_C(1) << (64 - LEFT);
    memcpy(&high, addr, sizeof high);
    memcpy(&low, addr + sizeof high, sizeof low);
    high = be64toh(high);
    low = be64toh(low);
    if (!high && low < half)
        return (struct tca_digest){named | low, then};
    return (struct tca_digest){named | half | high >> LEFT, high << (64 - LEFT) | low >> LEFT};
}

/* Capture, then address: 64 bits of it, whole for IPv4. */
static inline uint64_t tca_digest_host(uint32_t capture, const uint8_t addr[16])
{
    return tca_digest_place(capture, addr, 0).first;
}

#endif
