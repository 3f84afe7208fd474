/* SPDX-License-Identifier: MIT
 *
 * A list by capture and frame, looked up by bisection. Segments leave the queue in the order of these numbers, but for
 * those that came in fragments.
 */
#include "artefact/moved.h"

#include "base/alloc.h"
#include "base/sorted.h"

#include <tcpautopsy/error.h>

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct tca_moved_one *x = a, *y = b;
    int order = tca_compare_u64(x->capture, y->capture);
    if (!order)
        order = tca_compare_u64(x->frame, y->frame);
    return order ? order : (x->ahead > y->ahead) - (x->ahead < y->ahead);
}

int tca_moved_take(struct tca_moved *moved, const struct tca_moved_one *one)
{
    struct tca_moved_one *room = tca_room(moved->one, moved->count, &moved->room, sizeof *room);
    if (!room)
        return TCA_EMEMORY;
    moved->one = room;
    struct tca_moved_one *added = &room[moved->count++];
    *added = *one;
    moved->unsorted |= moved->count > 1 && compare(added - 1, added) > 0;
    return TCA_OK;
}

int tca_moved_add(struct tca_moved *moved, uint32_t capture, uint64_t frame, uint64_t record)
{
    int64_t ahead = (int64_t)(record - frame);
    const struct tca_moved_one one = {.frame = frame, .capture = capture, .ahead = (int32_t)ahead};
    bool is_kept = moved->count < TCA_MOVED_MAX && ahead <= INT32_MAX && ahead >= INT32_MIN;
    return is_kept ? tca_moved_take(moved, &one) : TCA_OK;
}

void tca_moved_sort(struct tca_moved *moved)
{
    if (moved->unsorted)
        qsort(moved->one, moved->count, sizeof *moved->one, compare);
    moved->unsorted = false;
    if (moved->count > TCA_MOVED_MAX)
        moved->count = TCA_MOVED_MAX;
}

uint64_t tca_moved_record(const struct tca_moved *moved, uint32_t capture, uint64_t frame)
{
    size_t low = 0, high = moved ? moved->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct tca_moved_one *one = &moved->one[middle];
        if (one->capture < capture || (one->capture == capture && one->frame < frame))
            low = middle + 1;
        else
            high = middle;
    }
    bool found =
        moved && low < moved->count && moved->one[low].capture == capture && moved->one[low].frame == frame;
    return found ? frame + (uint64_t)(int64_t)moved->one[low].ahead : frame;
}

void tca_moved_done(struct tca_moved *moved)
{
    tca_free(moved->one);
    *moved = (struct tca_moved){0};
}
