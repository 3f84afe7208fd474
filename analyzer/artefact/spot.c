/* SPDX-License-Identifier: MIT
 *
 * Runs are looked up by bisection. Going back, the runs of a file are passed one by one: that is asked for what a person
 * types, never for each row.
 */
#include "artefact/spot.h"

#include "base/alloc.h"

#include <tcpautopsy/error.h>

int tca_spots_add(struct tca_spots *all, uint32_t files)
{
    struct tca_spotted *list = tca_room(all->capture, all->count, &all->room, sizeof *list);
    if (!list)
        return TCA_EMEMORY;
    const struct tca_spotted *last = all->count ? &list[all->count - 1] : NULL;
    all->capture = list;
    list[all->count++] =
        (struct tca_spotted){.files = files, .before = last ? last->before + last->files : 0};
    all->any |= files > 1;
    return TCA_OK;
}

int tca_spotted_run(struct tca_spotted *spotted, const struct tca_spot_run *run)
{
    struct tca_spot_run *list = tca_room(spotted->run, spotted->runs, &spotted->room, sizeof *list);
    if (!list)
        return TCA_EMEMORY;
    spotted->run = list;
    list[spotted->runs++] = *run;
    return TCA_OK;
}

int tca_spots_run(struct tca_spots *all, const struct tca_spot_run *run)
{
    return tca_spotted_run(&all->capture[all->count - 1], run);
}

void tca_spots_done(struct tca_spots *all)
{
    for (size_t at = 0; at < all->count; at++)
        tca_free(all->capture[at].run);
    tca_free(all->capture);
    *all = (struct tca_spots){0};
}

/* NULL: it lies before all of them. */
static const struct tca_spot_run *run_of(const struct tca_spotted *placed, uint64_t frame)
{
    size_t low = 0, high = placed->runs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (placed->run[middle].first <= frame)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &placed->run[low - 1] : NULL;
}

struct tca_spot tca_spot_of(const struct tca_spots *all, uint32_t capture, uint64_t frame)
{
    if (!all || !all->any || !capture || capture > all->count)
        return (struct tca_spot){capture, frame};
    const struct tca_spotted *placed = &all->capture[capture - 1];
    const struct tca_spot_run *run = run_of(placed, frame);
    const uint32_t first = placed->before + 1;
    return run ? (struct tca_spot){first + run->file, frame - run->ahead} : (struct tca_spot){first, frame};
}

static const struct tca_spotted *placed_of(const struct tca_spots *all, uint32_t ordinal)
{
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all->capture[middle].before < ordinal)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &all->capture[low - 1] : NULL;
}

bool tca_spot_find(const struct tca_spots *all, struct tca_spot place, uint32_t *ret_capture,
                   uint64_t *ret_frame)
{
    const struct tca_spotted *placed = all ? placed_of(all, place.ordinal) : NULL;
    if (!placed || !place.ordinal || place.ordinal > placed->before + placed->files)
        return false;
    *ret_capture = (uint32_t)(placed - all->capture) + 1;
    *ret_frame = place.frame;
    if (!placed->runs)
        return true;
    for (size_t at = 0; at < placed->runs; at++) {
        const struct tca_spot_run *run = &placed->run[at];
        uint64_t frame = place.frame + run->ahead;
        bool inside = frame >= run->first && (at + 1 == placed->runs || frame < run[1].first);
        *ret_frame = frame;
        if (placed->before + 1 + run->file == place.ordinal && inside)
            return true;
    }
    return false;
}
