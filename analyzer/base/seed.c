/* SPDX-License-Identifier: MIT
 *
 * Random bytes of the system, once for each table that hashes. From the kernel itself: a program that has given up opening files may
 * still need them.
 */
#include "base/seed.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

uint64_t tca_random_seed(const void *object)
{
    uint64_t seed;
    if (TEMP_FAILURE_RETRY(getrandom(&seed, sizeof seed, 0)) != (ssize_t)sizeof seed)
        seed = (uintptr_t)object ^ UINT64_C(0x9E3779B97F4A7C15);
    return seed;
}
