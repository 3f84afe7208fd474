/* SPDX-License-Identifier: MIT
 *
 * Random bytes of the system, once for each table that hashes.
 */
#include "base/seed.h"

#include <stdio.h>

uint64_t tca_random_seed(const void *object)
{
    uint64_t seed = (uintptr_t)object;
    FILE *random = fopen("/dev/urandom", "rb");
    if (random) {
        if (fread(&seed, sizeof seed, 1, random) != 1)
            seed ^= UINT64_C(0x9E3779B97F4A7C15);
        fclose(random);
    }
    return seed;
}
