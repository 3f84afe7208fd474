/* SPDX-License-Identifier: MIT
 *
 * Lots of items become parts: each is read by a thread with a session of its own, whose part is saved and then told to the
 * journal.
 */
#ifndef TCA_CLI_WORKERS_H
#define TCA_CLI_WORKERS_H

#include "journal.h"

struct works {
    const struct request *req;
    const struct tca_plan *plan;
    const struct manifest *manifest;
    const struct shares *shares;
    struct journal *journal;
    const char *parts; /* the directory */
    const size_t *lot; /* those to be read, in this order */
    size_t count;
    size_t items, items_before; /* in them; in lots that an earlier run has read */
    /* what came of it */
    uint64_t faults, flows; /* captures that could not be read; connections */
    bool too_many;          /* --max-errors was passed: the rest was not read */
};

/* 0 when all was read, or reading was stopped by a signal or --max-errors; or a negative code whose words were printed. */
int workers_run(struct works *works);
/* Threads that this process may use, or as many as --jobs says. */
unsigned workers_threads(const struct request *req);

#endif
