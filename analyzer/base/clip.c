/* SPDX-License-Identifier: MIT
 *
 * Appending as long as there is room.
 */
#include "base/clip.h"

#include <string.h>

static const char CUT[] = "...";

/* Where a text of more than `end` bytes can be cut: not inside a UTF-8 character, if it is one. */
static size_t between_characters(const char *text, size_t end)
{
    for (size_t back = 0; back < 4 && back <= end; back++)
        if (((unsigned char)text[end - back] & 0xc0) != 0x80)
            return end - back;
    return end;
}

void tca_clip_join(struct tca_clip *clip, const void *more, size_t len)
{
    size_t used = strlen(clip->text), gap = used ? 2 : 0, room = TCA_CLIP_MAX - used;

    len = strnlen(more, len);
    if (len == 0 || clip->full)
        return;
    clip->full = gap + len > room;
    gap = gap < room ? gap : room;
    memcpy(clip->text + used, "; ", gap);
    used += gap;
    room -= gap;
    len = len < room ? len : room;
    memcpy(clip->text + used, more, len);
    clip->text[used + len] = '\0';
    if (clip->full)
        memcpy(clip->text + between_characters(clip->text, TCA_CLIP_MAX - (sizeof CUT - 1)), CUT, sizeof CUT);
}
