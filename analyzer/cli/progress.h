/* SPDX-License-Identifier: MIT
 *
 * The line on a terminal that tells how far a scan is.
 */
#ifndef TCA_CLI_PROGRESS_H
#define TCA_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool shown;                 /* there is a terminal, and a user who wants to see it */
    uint64_t bytes;             /* to be read, as stored */
    size_t items, items_before; /* all; read by an earlier run */
    int64_t began_ns, told_ns;  /* of a clock that only counts */
};

struct progress_now {
    uint64_t bytes, packets, flows;
    size_t items; /* read to their end by this run */
};

void progress_begin(struct progress *p, bool shown);
void progress_tell(struct progress *p, const struct progress_now *now);
/* The line vanishes: before other words, and in the end. */
void progress_clear(struct progress *p);

#endif
