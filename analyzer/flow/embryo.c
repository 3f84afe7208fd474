/* SPDX-License-Identifier: MIT
 *
 * Embryos: a tuple of which nothing but one SYN was heard. A flood consists of them, and each would take as much memory as a
 * connection. All that they are follows from the SYN, so that is what is kept, in 56 bytes (80 with IPv6):
 *
 *      first SYN, alone: the flow waits in a list of its own --> too many there, or quiet --> embryo
 *      first SYN, like one of those before: an embryo when it joins, that waits for its use
 *      a segment, or an ICMP error, of its tuple:  the SYN is used once more, and the flow is as it was
 *      nothing comes in time:                      likewise, and it is over
 *
 * SYNs of one program differ in a few fields only; what else they are is a shape, kept once. Where there are more shapes than
 * a byte can name, flows stay flows. What is made of the SYN anew must be what was made of it before: a build with check_ways makes
 * embryos of all that can be one as soon as it can. Where the owner knows how such a SYN ends, it is over without becoming a
 * flow again.
 */
#include "flow/table.h"

#include <string.h>
#include <tcpautopsy/error.h>

/* ---- shapes ---- */

static void blank(struct tca_segment *seg)
{
    seg->time_ns = 0;
    seg->frame = 0;
    memset(seg->src, 0, sizeof seg->src);
    memset(seg->dst, 0, sizeof seg->dst);
    seg->sport = seg->dport = 0;
    seg->ttl = 0;
    seg->ip_id = seg->window = 0;
    seg->seq = seg->opt.tsval = 0;
}

/* false: there is none so far. *ret_blank is what it would be. */
static bool know_shape(const struct tca_flow_table *table, const struct tca_segment *seg,
                       struct tca_segment *ret_blank, unsigned *ret_shape)
{
    memcpy(ret_blank, seg, sizeof *ret_blank);
    blank(ret_blank);
    for (unsigned at = 0; at < table->shapes; at++)
        if (!memcmp(&table->shape[at], ret_blank, sizeof *ret_blank)) {
            *ret_shape = at;
            return true;
        }
    return false;
}

/* false: there are too many, or memory is out. */
static bool find_shape(struct tca_flow_table *table, const struct tca_segment *seg, unsigned *ret_shape)
{
    struct tca_segment shape;
    if (know_shape(table, seg, &shape, ret_shape))
        return true;
    if (!table->shape)
        table->shape = tca_alloc(TCA_SHAPES * sizeof *table->shape);
    if (!table->shape || table->shapes == TCA_SHAPES)
        return false;
    memcpy(&table->shape[table->shapes], &shape, sizeof shape);
    *ret_shape = table->shapes++;
    return true;
}

/* What an embryo keeps of its SYN. */
static void keep_syn(struct away *away, enum tca_kind kind, uint64_t frame, const struct tca_syn *syn)
{
    away->syn.frame = frame & ((UINT64_C(1) << TCA_EMBRYO_FRAME_BITS) - 1);
    away->syn.side = syn->side & 1u;
    away->syn.number = syn->number;
    away->size = syn->ip_id;
    *tca_away_syn(away, kind) = (struct tca_syn_rest){
        .seq = syn->seq, .tsval = syn->tsval, .window = syn->window, .ttl = syn->ttl, .shape = syn->shape};
}

static struct tca_syn kept_syn(struct away *away, enum tca_kind kind)
{
    const struct tca_syn_rest *rest = tca_away_syn(away, kind);
    return (struct tca_syn){.number = away->syn.number,
                            .shape = rest->shape,
                            .seq = rest->seq,
                            .tsval = rest->tsval,
                            .ip_id = away->size,
                            .window = rest->window,
                            .ttl = rest->ttl,
                            .side = away->syn.side};
}

static void make_syn(const struct tca_flow_table *table, const struct away *away, const struct tca_syn *syn,
                     const struct tca_key *key, struct tca_segment *ret_seg)
{
    memcpy(ret_seg, &table->shape[syn->shape], sizeof *ret_seg);
    ret_seg->time_ns = away->due_ns - tca_flow_patience_ns[TCA_FLOW_OPENING];
    ret_seg->frame = away->syn.frame;
    memcpy(ret_seg->src, key->addr[syn->side], sizeof ret_seg->src);
    memcpy(ret_seg->dst, key->addr[1 - syn->side], sizeof ret_seg->dst);
    ret_seg->sport = key->port[syn->side];
    ret_seg->dport = key->port[1 - syn->side];
    ret_seg->ttl = syn->ttl;
    ret_seg->ip_id = syn->ip_id;
    ret_seg->window = syn->window;
    ret_seg->seq = syn->seq;
    ret_seg->opt.tsval = syn->tsval;
}

/* ---- from a flow to an embryo and back ---- */

/* A SYN whose numbers there is room for. */
static bool is_fit(const struct tca_segment *seg)
{
    return tca_is_bare_syn(seg) && !(seg->frame >> TCA_EMBRYO_FRAME_BITS);
}

/* Nothing else came of the tuple, is on its way, or was left behind by what was there before. */
static bool is_alone(const struct tca_tuple *tuple, const struct tca_flow *flow,
                     const struct tca_segment *seg)
{
    const struct tca_stream *stream = tuple->stream;
    return tuple->newest == flow && !flow->older && !tuple->met && !tuple->keyed && tuple->plain == tuple &&
           tuple->copies.count == 1 && !flow->parked && stream && flow->stream == stream &&
           stream->users == 2 && !stream->told && !stream->earlier && !stream->piece.more &&
           flow->stream_frame == seg->frame && flow->first_frame == seg->frame &&
           flow->last_ns == seg->time_ns && flow->heard_ns == seg->time_ns && !flow->attempt_of;
}

static struct tca_syn syn_of(const struct tca_segment *seg, uint32_t number, unsigned shape, int side)
{
    return (struct tca_syn){.number = number & 0xffffff,
                            .shape = shape & 0xff,
                            .seq = seg->seq,
                            .tsval = seg->opt.tsval,
                            .ip_id = seg->ip_id,
                            .window = seg->window,
                            .ttl = seg->ttl,
                            .side = (uint8_t)side};
}

bool tca_table_is_lone(struct tca_flow_table *table, struct tca_flow *flow, const struct tca_segment *seg)
{
    struct tca_tuple *tuple = flow->tuple;
    unsigned shape;
    if (!table->set.forget || !is_fit(seg) || seg->quoted || !is_alone(tuple, flow, seg) ||
        !table->set.may_park(table->set.user, flow) || !find_shape(table, seg, &shape))
        return false;
    flow->syn = syn_of(seg, tuple->copies.noted[0].number, shape, flow->client);
    return true;
}

int tca_table_shrink(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    const struct tca_flow *flow = tuple->newest;
    uint32_t what = tca_away_new(table, &tuple->key, tuple->tag, TCA_KIND_EMBRYO4);
    if (!what)
        return TCA_EMEMORY;
    struct away *away = tca_away_at(table, what);
    away->due_ns = flow->heard_ns + tca_flow_patience_ns[TCA_FLOW_OPENING];
    away->age_class = TCA_FLOW_OPENING;
    away->level = TCA_AWAY_EMBRYO;
    keep_syn(away, tca_kind_of(what), flow->first_frame, &flow->syn);
    tca_away_list(table, what);
    tca_table_slot(table, tuple->tag, tca_what(TCA_KIND_TUPLE, tuple->number))->what = what;
    table->set.forget(table->set.user, tuple->newest);
    tca_table_give(table, tuple);
    return TCA_OK;
}

int tca_table_unfold(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple)
{
    struct away *away = tca_away_at(table, what);
    if (away->level == TCA_AWAY_WAITING)
        return tca_table_rejoin(table, what, key, ret_tuple);
    const struct tca_syn syn = kept_syn(away, tca_kind_of(what));
    struct tca_segment seg;
    make_syn(table, away, &syn, key, &seg);
    struct tca_tuple *tuple = tca_away_back(table, what, key);
    if (!tuple)
        return TCA_EMEMORY;
    *ret_tuple = tuple;
    return tca_table_replay(table, tuple, &seg, syn.side, syn.number);
}

/* ---- without a flow ---- */

int tca_flow_meet_alone(struct tca_flow_table *table, struct tca_waiting *w, const struct tca_flow_look *look,
                        bool *ret_alone)
{
    const struct tca_segment *seg = &w->seg;
    struct tca_segment blank;
    unsigned shape;
    uint32_t tag;
    *ret_alone = false;
    if (look->near || !is_fit(seg) || !table->set.rejoin || !tca_table_parks(table) ||
        !know_shape(table, seg, &blank, &shape) || tca_table_lookup(table, &look->key, look->tag))
        return TCA_OK;
    int error = tca_table_room(table, &look->key, look->tag, &tag);
    uint32_t what = error ? 0 : tca_away_new(table, &look->key, tag, TCA_KIND_EMBRYO4);
    if (!what)
        return TCA_EMEMORY;
    struct away *away = tca_away_at(table, what);
    away->due_ns = INT64_MAX;
    away->waiting = w;
    away->age_class = TCA_FLOW_OPENING;
    away->level = TCA_AWAY_WAITING;
    tca_away_syn(away, tca_kind_of(what))->shape = (uint8_t)shape;
    tca_table_enter(table, tag, what);
    w->tuple = w->stream = NULL;
    w->stream_frame = what;
    w->side = (uint8_t)look->side;
    *ret_alone = true;
    return TCA_OK;
}

int tca_flow_use_alone(struct tca_flow_table *table, const struct tca_waiting *w, bool *ret_alone)
{
    const uint32_t what = (uint32_t)w->stream_frame;
    struct away *away = tca_away_at(table, what);
    *ret_alone = tca_passage_of(&table->passage, w->seg.time_ns) == w->seg.time_ns;
    if (!*ret_alone) { /* when it is over does not follow from it alone */
        struct tca_key key;
        struct tca_tuple *tuple;
        tca_table_key(table, what, &key);
        return tca_table_rejoin(table, what, &key, &tuple);
    }
    /* As a SYN without another one before it is noted (artefact/copy.c): it counts as one of which a copy is told by itself. */
    const uint64_t number = table->doubled[away->tag & TCA_TAG_PARTITION].sure++;
    const enum tca_kind kind = tca_kind_of(what);
    const struct tca_syn syn = syn_of(&w->seg, (uint32_t)number, tca_away_syn(away, kind)->shape, w->side);
    keep_syn(away, kind, w->seg.frame, &syn);
    away->due_ns = w->seg.time_ns + tca_flow_patience_ns[TCA_FLOW_OPENING];
    away->level = TCA_AWAY_EMBRYO;
    tca_away_list(table, what);
    return TCA_OK;
}

/* ---- over ---- */

/* Only the owner is told; what it makes of this SYN is known. */
static int tell(struct tca_flow_table *table, uint32_t what, const struct tca_key *key, bool *ret_told)
{
    struct away *away = tca_away_at(table, what);
    const struct tca_syn syn = kept_syn(away, tca_kind_of(what));
    struct tca_segment seg;
    *ret_told = false;
    if (!table->set.lone_over)
        return TCA_OK;
    make_syn(table, away, &syn, key, &seg);
    return table->set.lone_over(table->set.user, &seg, syn.side, syn.shape, ret_told);
}

int tca_table_end_embryo(struct tca_flow_table *table, uint32_t what)
{
    struct tca_key key;
    struct tca_tuple *tuple;
    bool told;
    tca_table_key(table, what, &key);
    int error = tell(table, what, &key, &told);
    if (error)
        return error;
    if (told) {
        tca_away_drop(table, what);
        return TCA_OK;
    }
    error = tca_table_unfold(table, what, &key, &tuple);
    return error ? error : tca_table_end_flow(table, tuple->newest);
}

int tca_flow_imagine(struct tca_flow_table *table, const struct tca_segment *syn, int side,
                     int (*fn)(void *user, struct tca_flow *flow), void *user)
{
    struct tca_flow_look look;
    tca_flow_look(table, syn, &look);
    struct tca_tuple *tuple = tca_table_new_tuple(table, &look.key, look.tag);
    if (!tuple)
        return TCA_EMEMORY;
    tuple->plain = tuple;
    int error = tca_table_replay(table, tuple, syn, side, 0);
    if (!error)
        error = fn(user, tuple->newest);
    if (tuple->newest)
        table->set.forget(table->set.user, tuple->newest);
    tca_table_give(table, tuple);
    return error;
}
