/* SPDX-License-Identifier: MIT
 *
 * Which record a frame number stands for, where records in the wrong order were mended (order.h).
 *
 *      file:      frame 10 at 2 s, frame 11 at 1 s, of one connection
 *      used as:   frame 10 = the segment of 1 s, frame 11 = that of 2 s
 *      told as:   11, 10
 *
 * Segments that change places leave their frame numbers where they are. So within a connection frame numbers are the order
 * in which its segments were used, and every stage may compare them; its first and last frame are the lowest and the
 * highest of its records. Who names a frame to the user asks here. Only those that differ are kept, and no more than
 * TCA_MOVED_MAX: of others the number of the place is told, which is that of another segment of the connection nearby.
 */
#ifndef TCA_ARTEFACT_MOVED_H
#define TCA_ARTEFACT_MOVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TCA_MOVED_MAX = 1 << 20 };

struct tca_moved_one {
    uint64_t frame;
    uint32_t capture;
    int32_t ahead; /* of the record: its number is frame + ahead */
};

/* All zero: none. */
struct tca_moved {
    struct tca_moved_one *one; /* owned */
    size_t count, room;
    bool unsorted;
};

/* 0 or TCA_EMEMORY. */
int tca_moved_add(struct tca_moved *moved, uint32_t capture, uint64_t frame, uint64_t record);
/* One of another list, which has no more than TCA_MOVED_MAX: of all these the lowest stay. */
int tca_moved_take(struct tca_moved *moved, const struct tca_moved_one *one);
/* After a capture's last one, before anything is asked. */
void tca_moved_sort(struct tca_moved *moved);
/* The number of the record. NULL: none was moved. */
uint64_t tca_moved_record(const struct tca_moved *moved, uint32_t capture, uint64_t frame);
void tca_moved_done(struct tca_moved *moved);

#endif
