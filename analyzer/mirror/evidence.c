/* SPDX-License-Identifier: MIT
 *
 * The bounded log of notable segments. Chunks come from a pool, newest chunk first; whoever copies the marks
 * out sorts them by frame. A mark with several roles is kept while any of its roles has room; when none has,
 * it takes the place of the newest mark with the same roles, so first and last of everything survive a flood.
 */
#include "mirror/evidence.h"

#include <string.h>
#include <tcpautopsy/error.h>

/* Marks kept per role and side. Ladders have at most 11 copies in their normal forms. */
static uint8_t quota(unsigned role_bit)
{
    switch (1u << role_bit) {
    case TCA_MARK_SYN:
    case TCA_MARK_SYNACK:
    case TCA_MARK_OPEN_ACK:
    case TCA_MARK_FIN:
        return 14;
    case TCA_MARK_FIN_ACK:
    case TCA_MARK_KEEPALIVE:
    case TCA_MARK_WINDOW_PROBE:
    case TCA_MARK_DATA_RETX:
    case TCA_MARK_RST:
    case TCA_MARK_IN_TIME_WAIT:
        return 10;
    default:
        return 4;
    }
}

struct tca_mark tca_mark_of(const struct tca_mirror *m, const struct tca_segment *seg, int from)
{
    const struct tca_side *sender = &m->side[from], *peer = &m->side[1 - from];
    struct tca_mark mark = {.time_ns = seg->time_ns,
                            .frame = seg->frame,
                            .seq = seg->seq,
                            .ack = seg->ack,
                            .len = seg->len,
                            .tsval = seg->opt.tsval,
                            .tsecr = seg->opt.tsecr,
                            .sent_end = sender->snd_nxt,
                            .peer_end = peer->snd_nxt,
                            .peer_acked = peer->acked,
                            .flags = seg->flags,
                            .window = seg->window,
                            .ip_id = seg->ip_id,
                            .ttl = seg->ttl,
                            .side = (uint8_t)from,
                            .sender_state = (uint8_t)tca_side_state(sender),
                            .receiver_state = (uint8_t)tca_side_state(peer),
                            .has_ts = seg->opt.has_ts,
                            .has_ip_id = seg->has_ip_id,
                            .checksum = seg->checksum,
                            .icmp_type = seg->icmp_type,
                            .icmp_code = seg->icmp_code,
                            .icmp_mtu = seg->icmp_mtu};
    return mark;
}

static bool has_room(const struct tca_mirror *m, const struct tca_mark *mark)
{
    for (unsigned bit = 0; bit < TCA_ROLE_COUNT; bit++)
        if ((mark->roles & (1u << bit)) && m->role_count[bit][mark->side] < quota(bit))
            return true;
    return false;
}

static void count_roles(struct tca_mirror *m, uint32_t roles, int side, int change)
{
    for (unsigned bit = 0; bit < TCA_ROLE_COUNT; bit++)
        if (roles & (1u << bit))
            m->role_count[bit][side] = (uint8_t)(m->role_count[bit][side] + change);
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
