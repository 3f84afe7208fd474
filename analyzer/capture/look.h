/* SPDX-License-Identifier: MIT
 *
 * A look at a capture before anything is made of it: one walk over its records, for their times.
 */
#ifndef TCA_CAPTURE_LOOK_H
#define TCA_CAPTURE_LOOK_H

#include "capture/source.h"

struct tca_look {
    bool is_capture;           /* it has a header that can be read; else nothing else is known */
    uint64_t packets, bytes;   /* records; bytes of the capture, unpacked */
    int64_t first_ns, last_ns; /* earliest and latest record; -1, -1: none has a time */
    int64_t quiet_ns; /* the longest time between a record and the newest one before it; -1 as above */
    int link;         /* LINKTYPE_ value of the first; -1 not known */
    unsigned links;   /* how many different ones */
};

/* Records as they come; may be NULL. */
typedef void tca_look_fn(void *user, const struct tca_record *record, size_t count);

/* The source is used up. 0, whatever it ends with, or TCA_EMEMORY. */
int tca_look(struct tca_source *source, tca_look_fn *fn, void *user, struct tca_look *ret);

/* From one time to a later one, as far as int64 tells. */
static inline int64_t tca_time_between(int64_t from_ns, int64_t to_ns)
{
    uint64_t ns = (uint64_t)to_ns - (uint64_t)from_ns;
    return to_ns <= from_ns ? 0 : ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

#endif
