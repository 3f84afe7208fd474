/* SPDX-License-Identifier: MIT
 *
 * A wish to stop, set by a handler of signals or by another thread and looked at between two records. It is read and written as
 * an atomic: nothing else is ordered by it.
 */
#ifndef TCA_BASE_STOP_H
#define TCA_BASE_STOP_H

#include <signal.h>
#include <stdbool.h>

/* NULL: nobody can. */
static inline bool tca_is_stopped(const volatile sig_atomic_t *stop)
{
    return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}

static inline void tca_stop(volatile sig_atomic_t *stop)
{
    __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
}

#endif
