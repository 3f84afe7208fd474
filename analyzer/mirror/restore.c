/* SPDX-License-Identifier: MIT
 *
 * What a mirror owns, made again. Counts of its marks are the mirror's own.
 */
#include "mirror/restore.h"

#include <string.h>
#include <tcpautopsy/error.h>

static int add_mark(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_mark *mark)
{
    unsigned at = m->mark_count % TCA_MARKS_PER_CHUNK;
    if (!at) {
        struct tca_mark_chunk *chunk = tca_pool_take(&ctx->chunks);
        if (!chunk)
            return TCA_EMEMORY;
        chunk->next = m->marks;
        m->marks = chunk;
    }
    m->marks->mark[at] = *mark;
    m->marks->mark[at].roles &= ~(uint32_t)TCA_MARK_LAST;
    m->mark_count++;
    return TCA_OK;
}

int tca_mirror_restore(struct tca_mirror_context *ctx, struct tca_mirror *m,
                       const struct tca_trouble *trouble, const struct tca_mark *const *mark, unsigned marks)
{
    int error = TCA_OK;
    m->marks = NULL;
    m->mark_count = 0;
    m->trouble = trouble ? tca_pool_take(&ctx->troubles) : NULL;
    if (m->trouble)
        memcpy(m->trouble, trouble, 2 * sizeof *trouble);
    else if (trouble)
        error = TCA_EMEMORY;
    for (unsigned at = 0; !error && at < marks; at++)
        error = add_mark(ctx, m, mark[at]);
    if (error)
        tca_mirror_free(ctx, m);
    return error;
}
