/* SPDX-License-Identifier: MIT
 *
 * A sieve: which of many keys may be there as often as is asked for. Keys are counted by a hash, in a byte each, so it keeps
 * whatever is, and a few besides; who chooses keys to meet on one byte makes it keep them all, and no more. What it lets
 * through need not be sorted.
 */
#ifndef TCA_BASE_SIEVE_H
#define TCA_BASE_SIEVE_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>

enum { TCA_SIEVE_ALWAYS = UINT8_MAX }; /* as weight: keep this key whatever is asked for */

struct tca_sieve {
    uint8_t *slot; /* owned; NULL: no memory, and everything is kept */
    unsigned shift;
};

static inline struct tca_sieve tca_sieve_new(size_t keys)
{
    enum { ROOM = 4 }; /* times the keys */
    unsigned bits = 6;
    while (bits < 40 && UINT64_C(1) << bits < ROOM * (uint64_t)keys)
        bits++;
    return (struct tca_sieve){.slot = tca_alloc((size_t)1 << bits), .shift = 64 - bits};
}

static inline uint8_t *tca_sieve_slot(const struct tca_sieve *sieve, uint64_t key)
{
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return &sieve->slot[((key ^ key >> 32) * UINT64_C(0xd6e8feb86659fd93)) >> sieve->shift];
}

/* It will be asked about this key soon. */
static inline void tca_sieve_fetch(const struct tca_sieve *sieve, uint64_t key)
{
    if (sieve->slot)
        __builtin_prefetch(tca_sieve_slot(sieve, key), 1);
}

static inline void tca_sieve_count(struct tca_sieve *sieve, uint64_t key, unsigned weight)
{
    uint8_t *slot = sieve->slot ? tca_sieve_slot(sieve, key) : NULL;
    if (slot)
        *slot = (uint8_t)(*slot + weight < TCA_SIEVE_ALWAYS ? *slot + weight : TCA_SIEVE_ALWAYS);
}

/* May the key be there so often? */
static inline bool tca_sieve_keeps(const struct tca_sieve *sieve, uint64_t key, unsigned least)
{
    return !sieve->slot || *tca_sieve_slot(sieve, key) >= least;
}

static inline void tca_sieve_done(struct tca_sieve *sieve)
{
    tca_free(sieve->slot);
}

#endif
