/* SPDX-License-Identifier: MIT
 *
 * Shapes of RSTs, their triggers, and the signs that one came from elsewhere.
 *
 * A trigger is found by number, not by time: several segments may be in flight when a host resets, and each
 * gets its own RST, in their order; so of replies with one number the last answers the newest segment. What the
 * host acknowledged drew none. All searches walk the marks of one flow, at most TCA_MARKS_MAX.
 */
#include "classify/read/shapes.h"

#include "base/seq32.h"

enum { TTL_SLACK = 1, BOTH_WAYS_NS = 2000000, SERIES_NS = 100000000, OVERTAKEN_NS = 100000000 };

enum tca_rst_shape tca_rst_shape(const struct tca_mark *rst)
{
    if (!(rst->flags & TCA_RST))
        return TCA_SHAPE_NONE;
    if (!(rst->flags & TCA_ACK))
        return TCA_SHAPE_P;
    /* A real SND.NXT is 0 once in 2^32; nothing but a SYN's refusal says so on purpose. */
    return rst->seq == 0 ? TCA_SHAPE_Q : TCA_SHAPE_X;
}

static uint32_t mark_end(const struct tca_mark *mark)
{
    return mark->seq + mark->len + ((mark->flags & TCA_SYN) ? 1 : 0) + ((mark->flags & TCA_FIN) ? 1 : 0);
}

static bool triggers(const struct tca_mark *mark, const struct tca_mark *rst, enum tca_rst_shape shape)
{
    if (mark->flags & TCA_RST || mark->roles & TCA_MARK_ICMP)
        return false; /* an RST is never answered */
    if (shape == TCA_SHAPE_Q)
        return !(mark->flags & TCA_ACK) && mark_end(mark) == rst->ack;
    return (mark->flags & TCA_ACK) && mark->ack == rst->seq;
}

/* New bytes that the reset's sender acknowledged: it had taken them while it still knew the connection. */
static bool was_taken(const struct tca_dossier *d, const struct tca_mark *mark)
{
    const struct tca_side *receiver = &d->m.side[1 - mark->side];
    bool first = mark->new_data || (mark->flags & (TCA_SYN | TCA_FIN) && mark->copy == 1);
    return first && receiver->acked_known && seq_after_eq(receiver->acked, mark_end(mark));
}

static bool may_trigger(const struct tca_dossier *d, const struct tca_mark *mark, const struct tca_mark *rst)
{
    enum tca_rst_shape shape = tca_rst_shape(rst);
    return mark->side != rst->side && triggers(mark, rst, shape) &&
           (shape == TCA_SHAPE_Q || !was_taken(d, mark));
}

/* Replies with the same number that follow before another segment that could draw one. */
static unsigned replies_after(const struct tca_dossier *d, const struct tca_mark *rst)
{
    unsigned count = 0;
    for (unsigned i = 0; i < d->mark_count; i++) {
        const struct tca_mark *mark = &d->mark[i];
        if (mark->frame <= rst->frame || mark->witness)
            continue;
        if (may_trigger(d, mark, rst))
            break;
        count += mark->side == rst->side && tca_rst_shape(mark) == TCA_SHAPE_P && mark->seq == rst->seq;
    }
    return count;
}

/* The ACK of a FIN draws a reset under TCP_LINGER2 alone, payload behind it from any end that has closed. */
static const struct tca_mark *payload_behind(const struct tca_dossier *d, const struct tca_mark *found,
                                             const struct tca_mark *rst)
{
    bool bare = found && (found->roles & TCA_MARK_FIN_ACK) && !found->len && !(found->flags & TCA_FIN);
    for (unsigned i = 0; bare && i < d->mark_count && d->mark[i].frame < rst->frame; i++)
        if (d->mark[i].frame > found->frame && d->mark[i].len && may_trigger(d, &d->mark[i], rst))
            return &d->mark[i];
    return found;
}

const struct tca_mark *tca_rst_trigger(const struct tca_dossier *d, const struct tca_mark *rst)
{
    enum tca_rst_shape shape = tca_rst_shape(rst);
    if (shape != TCA_SHAPE_Q && shape != TCA_SHAPE_P)
        return NULL;
    const struct tca_mark *found = NULL;
    unsigned later = shape == TCA_SHAPE_P ? replies_after(d, rst) : 0;
    for (unsigned i = d->mark_count; i-- > 0;) {
        if (d->mark[i].frame >= rst->frame || !may_trigger(d, &d->mark[i], rst))
            continue;
        found = &d->mark[i];
        if (later-- == 0)
            break;
    }
    return shape == TCA_SHAPE_P ? payload_behind(d, found, rst) : found;
}

bool tca_rst_overtook(const struct tca_mark *rst, const struct tca_mark *fin)
{
    return tca_rst_shape(rst) == TCA_SHAPE_P && fin->side == rst->side && fin->frame > rst->frame &&
           fin->copy == 1 && seq_before_eq(rst->seq, fin->seq) && fin->ttl == rst->ttl &&
           fin->time_ns - rst->time_ns <= OVERTAKEN_NS;
}

const struct tca_mark *tca_mark_before(const struct tca_dossier *d, const struct tca_mark *mark, int side)
{
    const struct tca_mark *found = NULL;
    for (unsigned i = 0; i < d->mark_count && d->mark[i].frame < mark->frame; i++)
        if (d->mark[i].side == side && !(d->mark[i].roles & TCA_MARK_ICMP) && !d->mark[i].witness)
            found = &d->mark[i];
    return found;
}

/* What the other segments of a side look like. */
struct habit {
    unsigned segments;  /* compared with */
    bool ttl_known_off; /* each of their TTLs is further than TTL_SLACK from this RST's */
    bool full_counts;   /* full sockets of this host number their packets */
    bool mini_zero;     /* its SYN+ACK has ID 0, as Linux' requests have */
};

static bool full_socket(const struct tca_mark *mark)
{
    return !(mark->flags & TCA_SYN) && (mark->flags & TCA_ACK) && mark->len > 0;
}

static struct habit habit_of(const struct tca_dossier *d, const struct tca_mark *rst)
{
    struct habit habit = {.ttl_known_off = true};
    for (unsigned i = 0; i < d->mark_count; i++) {
        const struct tca_mark *mark = &d->mark[i];
        if (mark->side != rst->side || mark->flags & TCA_RST || mark->roles & TCA_MARK_ICMP || mark->witness)
            continue;
        int off = (int)mark->ttl - (int)rst->ttl;
        habit.segments++;
        if (off >= -TTL_SLACK && off <= TTL_SLACK)
            habit.ttl_known_off = false;
        if (full_socket(mark) && mark->has_ip_id && mark->ip_id != 0)
            habit.full_counts = true;
        if (mark->roles & TCA_MARK_SYNACK && mark->has_ip_id && mark->ip_id == 0)
            habit.mini_zero = true;
    }
    return habit;
}

static bool ip_id_breaks(const struct tca_mark *rst, const struct habit *habit)
{
    if (!rst->has_ip_id)
        return false;
    if (tca_rst_shape(rst) == TCA_SHAPE_X)
        return rst->ip_id == 0 && habit->full_counts;
    return rst->ip_id != 0 && habit->mini_zero;
}

static bool both_ways(const struct tca_dossier *d, const struct tca_mark *rst)
{
    for (unsigned i = 0; i < d->mark_count; i++) {
        const struct tca_mark *mark = &d->mark[i];
        int64_t apart = mark->time_ns - rst->time_ns;
        if (mark->side != rst->side && mark->flags & TCA_RST && !mark->witness && apart <= BOTH_WAYS_NS &&
            apart >= -BOTH_WAYS_NS && tca_rst_trigger(d, mark) == NULL)
            return true;
    }
    return false;
}

/* Another active reset of that side, soon, with another number. */
static bool in_series(const struct tca_dossier *d, const struct tca_mark *rst)
{
    for (unsigned i = 0; i < d->mark_count; i++) {
        const struct tca_mark *mark = &d->mark[i];
        int64_t apart = mark->time_ns - rst->time_ns;
        if (mark->side == rst->side && tca_rst_shape(mark) == TCA_SHAPE_X && !mark->witness &&
            mark->seq != rst->seq && apart <= SERIES_NS && apart >= -SERIES_NS)
            return true;
    }
    return false;
}

unsigned tca_rst_foreign(const struct tca_dossier *d, const struct tca_mark *rst)
{
    struct habit habit = habit_of(d, rst);
    unsigned signs = 0;
    if (habit.segments > 0 && habit.ttl_known_off)
        signs |= TCA_SIGN_TTL;
    if (ip_id_breaks(rst, &habit))
        signs |= TCA_SIGN_IP_ID;
    if (tca_rst_shape(rst) == TCA_SHAPE_X && !rst->has_ts && d->m.side[rst->side].ts_on)
        signs |= TCA_SIGN_TIMESTAMP;
    if (tca_rst_trigger(d, rst) == NULL && both_ways(d, rst))
        signs |= TCA_SIGN_BOTH_WAYS;
    if (tca_rst_shape(rst) == TCA_SHAPE_X && in_series(d, rst))
        signs |= TCA_SIGN_SERIES;
    return signs;
}
