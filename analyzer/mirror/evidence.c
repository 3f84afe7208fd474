/* SPDX-License-Identifier: MIT
 *
 * The bounded log of notable segments. Chunks come from a pool, newest chunk first; whoever copies the marks
 * out sorts them by frame. A mark with several roles is kept while any of its roles has room; when none has,
 * it takes the place of the newest mark with the same roles, so first and last of everything survive a flood.
 */
#include "mirror/evidence.h"

#include <tcpautopsy/error.h>

/* Roles of which more marks are kept, per side: ladders have at most 11 copies in their normal forms. */
enum {
    LADDERS = TCA_MARK_SYN | TCA_MARK_SYNACK | TCA_MARK_OTHER_SYNACK | TCA_MARK_OPEN_ACK | TCA_MARK_FIN,
    SERIES = TCA_MARK_FIN_ACK | TCA_MARK_KEEPALIVE | TCA_MARK_WINDOW_PROBE | TCA_MARK_DATA_RETX |
             TCA_MARK_RST | TCA_MARK_IN_TIME_WAIT,
};

static uint8_t quota(uint32_t role)
{
    return role & LADDERS ? 14 : role & SERIES ? 10 : 4;
}

/* Each of several roles, as its bit's number:
 *     for (uint32_t left = roles; left; left &= left - 1) ... lowest(left) */
static unsigned lowest(uint32_t roles)
{
    return (unsigned)__builtin_ctz(roles);
}

static bool has_room(const struct tca_mirror *m, const struct tca_mark *mark)
{
    for (uint32_t left = mark->roles; left; left &= left - 1)
        if (m->role_count[lowest(left)][mark->side] < quota(1u << lowest(left)))
            return true;
    return false;
}

static void count_roles(struct tca_mirror *m, uint32_t roles, int side, int change)
{
    for (uint32_t left = roles; left; left &= left - 1) {
        uint8_t *count = &m->role_count[lowest(left)][side];
        *count = (uint8_t)(*count + change);
    }
}

struct tca_mark_walk tca_mark_walk(const struct tca_mirror *m)
{
    unsigned newest = m->mark_count % TCA_MARKS_PER_CHUNK; /* the newest chunk may be partly filled */
    return (struct tca_mark_walk){m->marks, !m->mark_count ? 0 : newest ? newest : TCA_MARKS_PER_CHUNK};
}

struct tca_mark *tca_mark_next(struct tca_mark_walk *walk)
{
    if (!walk->left) {
        walk->chunk = walk->chunk ? walk->chunk->next : NULL;
        walk->left = TCA_MARKS_PER_CHUNK;
    }
    return walk->chunk ? &walk->chunk->mark[--walk->left] : NULL;
}

/* The newest mark of this side that is evidence of nothing else. */
static struct tca_mark *newest_like(struct tca_mirror *m, const struct tca_mark *mark)
{
    struct tca_mark *best = NULL, *one;
    struct tca_mark_walk walk = tca_mark_walk(m);
    while ((one = tca_mark_next(&walk)))
        if (one->side == mark->side && !(one->roles & ~mark->roles) && (!best || one->frame > best->frame))
            best = one;
    return best;
}

int tca_evidence_keep(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_mark *mark)
{
    if (!mark->roles)
        return TCA_OK;
    if (m->mark_count >= TCA_MARKS_MAX || !has_room(m, mark)) {
        struct tca_mark *old = newest_like(m, mark);
        if (old) {
            count_roles(m, old->roles, old->side, -1);
            *old = *mark;
            count_roles(m, mark->roles, mark->side, 1);
        }
        return TCA_OK;
    }
    if (m->mark_count % TCA_MARKS_PER_CHUNK == 0) {
        struct tca_mark_chunk *chunk = tca_pool_take(&ctx->chunks);
        if (!chunk)
            return TCA_EMEMORY;
        chunk->next = m->marks;
        m->marks = chunk;
    }
    m->marks->mark[m->mark_count % TCA_MARKS_PER_CHUNK] = *mark;
    m->mark_count++;
    count_roles(m, mark->roles, mark->side, 1);
    return TCA_OK;
}

static struct tca_mark *find_frame(struct tca_mirror *m, uint64_t frame, int side)
{
    struct tca_mark *one;
    struct tca_mark_walk walk = tca_mark_walk(m);
    while ((one = tca_mark_next(&walk)) && !(one->frame == frame && one->side == side))
        ;
    return one;
}

int tca_evidence_add_role(struct tca_mirror_context *ctx, struct tca_mirror *m, struct tca_mark *recent,
                          uint32_t roles)
{
    if (!recent->frame)
        return TCA_OK;
    struct tca_mark *kept = find_frame(m, recent->frame, recent->side);
    recent->roles |= roles;
    if (!kept) {
        struct tca_mark only = *recent;
        only.roles = roles;
        return tca_evidence_keep(ctx, m, &only);
    }
    count_roles(m, roles & ~kept->roles, kept->side, 1);
    kept->roles |= roles;
    return TCA_OK;
}

void tca_mirror_context_init(struct tca_mirror_context *ctx)
{
    tca_pool_init(&ctx->chunks, sizeof(struct tca_mark_chunk));
    tca_pool_init(&ctx->troubles, 2 * sizeof(struct tca_trouble));
}

void tca_mirror_context_done(struct tca_mirror_context *ctx)
{
    tca_pool_done(&ctx->chunks);
    tca_pool_done(&ctx->troubles);
}

void tca_mirror_free(struct tca_mirror_context *ctx, struct tca_mirror *m)
{
    while (m->marks) {
        struct tca_mark_chunk *next = m->marks->next;
        tca_pool_give(&ctx->chunks, m->marks);
        m->marks = next;
    }
    m->mark_count = 0;
    if (m->trouble)
        tca_pool_give(&ctx->troubles, m->trouble);
    m->trouble = NULL;
}
