/* SPDX-License-Identifier: MIT
 *
 * A timeline: what the board of a listener showed around the times in which its accept queue was full, in a fixed number of
 * columns, for whoever draws it. Made where episodes were found, and kept with them.
 */
#ifndef TCA_CLASSIFY_TIMELINE_H
#define TCA_CLASSIFY_TIMELINE_H

#include <stdint.h>

enum { TCA_TIMELINE_COLUMNS = 240 };

struct tca_timeline {
    int64_t from_ns,
        width_ns; /* ns since the epoch at which the first column begins, a multiple of the width; of each */
    uint32_t waiting[TCA_TIMELINE_COLUMNS]; /* candidates for the accept queue, the most at one time */
    uint32_t dropped[TCA_TIMELINE_COLUMNS]; /* SYNs that nothing answered */
    uint32_t refused[TCA_TIMELINE_COLUMNS]; /* third ACKs and payload that were ignored, or answered by RST */
};

/* A window of so many columns that holds both moments, with air at both ends, as far as there is something to be seen: from
 * `seen_ns` until `until_ns`. */
void tca_timeline_frame(int64_t first_ns, int64_t last_ns, int64_t seen_ns, int64_t until_ns,
                        int64_t *ret_from_ns, int64_t *ret_width_ns);
/* The column of a moment; TCA_TIMELINE_COLUMNS: it lies outside. */
unsigned tca_timeline_column(int64_t from_ns, int64_t width_ns, int64_t time_ns);

#endif
