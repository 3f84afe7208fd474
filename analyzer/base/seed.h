/* SPDX-License-Identifier: MIT
 *
 * A seed for hashes of what others have written: it differs by run, so that nobody can aim collisions at it. Nothing
 * that is printed may depend on it.
 */
#ifndef TCA_BASE_SEED_H
#define TCA_BASE_SEED_H

#include <stdint.h>

/* `object`: any object of this run; its address serves where the system has no random bytes. */
uint64_t tca_random_seed(const void *object);

#endif
