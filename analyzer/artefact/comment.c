/* SPDX-License-Identifier: MIT
 *
 * A list by capture and record, looked up by bisection.
 */
#include "artefact/comment.h"

#include "base/alloc.h"
#include "base/clip.h"

#include <tcpautopsy/error.h>

#include <string.h>

int tca_comments_add(struct tca_comments *all, uint32_t capture, uint64_t record, uint64_t kept,
                     const void *text, size_t len)
{
    struct tca_clip clip = {0};

    if (kept >= TCA_COMMENTS_MAX || all->texts.used > UINT32_MAX - sizeof clip.text)
        return 0;
    struct tca_comment *room = tca_room(all->one, all->count, &all->room, sizeof *room);
    if (!room)
        return TCA_EMEMORY;
    all->one = room;
    room[all->count] =
        (struct tca_comment){.record = record, .capture = capture, .text = (uint32_t)all->texts.used};
    tca_clip_join(&clip, text, len);
    tca_buf_add(&all->texts, clip.text, strlen(clip.text) + 1);
    if (all->texts.failed)
        return TCA_EMEMORY;
    all->count++;
    return 1;
}

const char *tca_comment_of(const struct tca_comments *all, uint32_t capture, uint64_t record)
{
    size_t low = 0, high = all ? all->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct tca_comment *one = &all->one[middle];
        if (one->capture < capture || (one->capture == capture && one->record < record))
            low = middle + 1;
        else
            high = middle;
    }
    bool found =
        all && low < all->count && all->one[low].capture == capture && all->one[low].record == record;
    return found ? all->texts.bytes + all->one[low].text : NULL;
}

void tca_comments_done(struct tca_comments *all)
{
    tca_free(all->one);
    tca_buf_done(&all->texts);
    *all = (struct tca_comments){0};
}
