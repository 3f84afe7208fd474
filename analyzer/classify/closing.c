/* SPDX-License-Identifier: MIT
 *
 * Reading a close.
 *
 * What an end knew when it sent its FIN is told by the acknowledgment number of that FIN alone: the order in
 * which two FINs pass the capture point says nothing. An end X was in CLOSING if it answered a FIN of Y that
 * left before Y had acknowledged X's FIN, for segments arrive in order. If that FIN was lost and X answered a
 * repeat that carries the acknowledgment, X went from FIN_WAIT1 or FIN_WAIT2 to TIME_WAIT and never saw
 * CLOSING.
 *
 * Checked against RFC 9293 figure 13 and section 3.10.7.4 and Linux tcp_fin(), tcp_rcv_state_process(),
 * tcp_timewait_state_process() (5.10 to 7.2). All walks are over the marks of one flow, at most
 * TCA_MARKS_MAX.
 */
#include "classify/closing.h"

#include "base/seq32.h"
#include "classify/memory.h"
#include "classify/read/shapes.h"
#include "mirror/deviations.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* tcp_fin_timeout by default; past it no orphan waits any more. */
static const int64_t FIN_TIMEOUT_NS = 60 * SECOND;
/* tcp_fin_timeout and TCP_LINGER2 count whole seconds: no FIN_WAIT2 runs out earlier. */
static const int64_t SHORTEST_FIN_WAIT2_NS = SECOND;

struct tca_closing tca_closing_gather(const struct tca_dossier *d)
{
    const struct tca_mirror *m = &d->m;
    struct tca_closing k = {.d = d,
                            .m = m,
                            .active = -1,
                            .passive = -1,
                            .until_ns = m->end_ns >= 0 ? m->end_ns : d->capture_end_ns};
    for (int side = 0; side < 2; side++) {
        k.fin[side] = tca_dossier_mark(d, TCA_MARK_FIN, side, 0);
        k.fin_ack[side] = tca_dossier_mark(d, TCA_MARK_FIN_ACK, side, 0);
    }
    if (m->first_fin <= TCA_SERVER && k.fin[m->first_fin]) {
        k.active = m->first_fin;
        k.passive = 1 - m->first_fin;
    }
    if (k.until_ns < m->last_ns)
        k.until_ns = m->last_ns;
    return k;
}

bool tca_acks_fin_of(const struct tca_mirror *m, const struct tca_mark *mark, int fin_side)
{
    return (mark->flags & TCA_ACK) && seq_after(mark->ack, m->side[fin_side].fin_seq);
}

bool tca_closing_covers_fin(const struct tca_closing *k, const struct tca_mark *mark, int fin_side)
{
    return tca_acks_fin_of(k->m, mark, fin_side);
}

struct tca_closing tca_closing_of(const struct tca_case *c)
{
    struct tca_memory *memory = c->memory;
    if (memory && memory->knows_closing)
        return memory->closing;
    struct tca_closing k = tca_closing_gather(c->d);
    k.c = c;
    if (memory) {
        memory->closing = k;
        memory->knows_closing = true;
    }
    return k;
}

bool tca_closing_both_fins(const struct tca_closing *k)
{
    return k->active >= 0 && k->fin[k->passive];
}

/* Round trip between the capture point and a side; 0 where the opening does not tell. */
int64_t tca_closing_path_ns(const struct tca_closing *k, int side)
{
    int64_t path = side == TCA_SERVER ? k->m->path_to_server_ns : k->m->ack_rtt_ns;
    return path > 0 ? tca_interval(0, path) : 0;
}

/* This segment of `side` left after `mark`, which went towards it, could have arrived. */
bool tca_closing_knew(const struct tca_closing *k, const struct tca_mark *segment,
                      const struct tca_mark *mark)
{
    return segment->time_ns > mark->time_ns + tca_closing_path_ns(k, segment->side) + MS;
}

static bool was_open(const struct tca_side *side)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if (tca_state_synchronized((enum tca_state)side->step[at].state) ||
            side->step[at].state == TCA_UNKNOWN)
            return true;
    return false;
}

bool tca_closing_opened(const struct tca_mirror *m)
{
    return was_open(&m->side[TCA_CLIENT]) && was_open(&m->side[TCA_SERVER]);
}

bool tca_closing_direction_missing(const struct tca_mirror *m)
{
    for (int side = 0; side < 2 && (m->damage & TCA_DAMAGE_ONE_WAY); side++)
        if (m->side[side].acked_known && !m->side[1 - side].pkts)
            return true;
    return false;
}

/* ---- resets ---- */

/* The frame of the reset that ended this side, 0 if none did. In TIME_WAIT and CLOSED none was left. */
static uint64_t reset_frame(const struct tca_side *side)
{
    for (unsigned at = 1; at < side->step_count; at++) {
        const struct tca_step *step = &side->step[at], *before = &side->step[at - 1];
        bool reset = step->event == TCA_GOT_RST || step->event == TCA_SENT_RST;
        bool open = before->state == TCA_UNKNOWN ||
                    (tca_state_synchronized((enum tca_state)before->state) && before->state != TCA_TIME_WAIT);
        if (reset && open)
            return step->frame;
    }
    return 0;
}

static const struct tca_mark *rst_of_frame(const struct tca_dossier *d, uint64_t frame)
{
    const struct tca_mark *rst = NULL;
    for (unsigned n = 0; (rst = tca_dossier_mark(d, TCA_MARK_RST, -1, n)); n++)
        if (rst->frame == frame)
            return rst;
    return NULL;
}

/* The RST that ended the connection; NULL if none did. */
const struct tca_mark *tca_closing_rst(const struct tca_closing *k)
{
    if (!tca_dossier_has(k->d, TCA_MARK_RST, -1))
        return NULL;
    uint64_t client = reset_frame(&k->m->side[TCA_CLIENT]), server = reset_frame(&k->m->side[TCA_SERVER]);
    if (!tca_closing_opened(k->m) || !(client || server))
        return NULL;
    return rst_of_frame(k->d, client && (!server || client < server) ? client : server);
}

/* Payload, or a FIN with a hole in front of it: an orphan's FIN_WAIT2 resets that as well (tcp_minisocks.c
 * tcp_timewait_state_process). */
static bool is_reset_by_any(const struct tca_side *a, const struct tca_mark *trigger)
{
    return trigger->len || ((trigger->flags & TCA_FIN) && a->acked_known && trigger->seq != a->acked);
}

/* P was silent since it acknowledged A's FIN, and what it then sent shows that A's FIN_WAIT2 was gone. A FIN in its turn
 * or a bare ACK is taken by a FIN_WAIT2 without a reset; what any orphan resets only tells after the full time. */
static bool fin_wait2_gone(const struct tca_closing *k, const struct tca_mark *rst,
                           const struct tca_mark *trigger)
{
    int a = rst->side;
    const struct tca_mark *acked = k->fin_ack[1 - a];
    if (!trigger || !acked || !k->fin[a] || acked->frame >= trigger->frame || k->m->side[a].close_used)
        return false;
    const struct tca_mark *late = tca_dossier_mark(k->d, TCA_MARK_LATE_DATA | TCA_MARK_FIN, 1 - a, 0);
    if (late && late->frame < trigger->frame)
        return false;
    int64_t silent_ns = trigger->time_ns - acked->time_ns;
    int64_t least_ns = is_reset_by_any(&k->m->side[a], trigger) ? FIN_TIMEOUT_NS : SHORTEST_FIN_WAIT2_NS;
    if (k->c)
        least_ns = tca_host_seconds(k->c->host[a], TCA_SETTING_tcp_fin_timeout, least_ns);
    return silent_ns >= least_ns;
}

/* P had A's FIN when it reset: the numbers of the reset include it. */
static bool answers_fin(const struct tca_closing *k, const struct tca_mark *rst,
                        const struct tca_mark *trigger)
{
    const struct tca_mark *fin = k->fin[1 - rst->side];
    if (!fin || fin->frame > rst->frame)
        return false;
    if (tca_rst_shape(rst) == TCA_SHAPE_X)
        return seq_after(rst->ack, k->m->side[1 - rst->side].fin_seq);
    return trigger && trigger->frame >= fin->frame;
}

static enum tca_reset_form form_of(const struct tca_closing *k, const struct tca_mark *rst,
                                   const struct tca_mark *trigger)
{
    const struct tca_mark *own = k->fin[rst->side];
    if (own && (own->frame < rst->frame || tca_rst_overtook(rst, own))) {
        if (fin_wait2_gone(k, rst, trigger))
            return TCA_RESET_LATE_REPLY;
        bool data = trigger && trigger->len && (trigger->roles & (TCA_MARK_LATE_DATA | TCA_MARK_TRIGGER));
        return data ? TCA_RESET_HALF_THEN_RST : TCA_RESET_BOTH_FIN;
    }
    if (answers_fin(k, rst, trigger))
        return TCA_RESET_BY_PASSIVE;
    return tca_rst_shape(rst) == TCA_SHAPE_X ? TCA_RESET_ACTIVE : TCA_RESET_REPLY;
}

static struct tca_reset read_reset(const struct tca_closing *k)
{
    const struct tca_mark *rst = tca_closing_rst(k);
    if (!rst)
        return (struct tca_reset){TCA_RESET_NONE, NULL, NULL};
    const struct tca_mark *trigger = tca_rst_trigger(k->d, rst);
    return (struct tca_reset){form_of(k, rst, trigger), rst, trigger};
}

struct tca_reset tca_closing_reset(const struct tca_closing *k)
{
    struct tca_memory *memory = k->c ? k->c->memory : NULL;
    if (!memory)
        return read_reset(k);
    if (!memory->knows_reset)
        memory->reset = read_reset(k);
    memory->knows_reset = true;
    return memory->reset;
}

/* ---- both FINs at once ---- */

enum tca_unseen tca_closing_unseen(const struct tca_closing *k, int side)
{
    const struct tca_mark *own = k->fin[side], *ack = k->fin_ack[side];
    bool bare = own && ack && ack->frame < own->frame && !ack->len && !(ack->flags & TCA_FIN);
    if (!bare || ack->seq != k->m->side[side].fin_seq + 1)
        return TCA_UNSEEN_NOT;
    const struct tca_mark *second = tca_dossier_mark(k->d, TCA_MARK_FIN, 1 - side, 1);
    return second && second->frame < ack->frame ? TCA_UNSEEN_OR_AFTER : TCA_UNSEEN_BEFORE;
}

/* Neither first FIN acknowledges the other: neither end had received the other's when it sent its own. */
static bool fins_cross(const struct tca_closing *k)
{
    if (!tca_closing_both_fins(k) || tca_closing_reset(k).form != TCA_RESET_NONE)
        return false;
    for (int side = 0; side < 2; side++) {
        if (tca_closing_unseen(k, side) == TCA_UNSEEN_BEFORE)
            continue; /* its first copy did not, whatever this one does */
        if (!(k->fin[side]->flags & TCA_ACK) || tca_closing_covers_fin(k, k->fin[side], 1 - side))
            return false;
    }
    return true;
}

/* The copy of a FIN that this acknowledgment answers. With timestamps the echo names it; else it is the
 * newest that could have arrived. `ret_sure` is cleared where several could be meant. */
static const struct tca_mark *answered_fin(const struct tca_closing *k, const struct tca_mark *ack,
                                           bool *ret_sure)
{
    const struct tca_mark *fin, *newest = NULL, *named = NULL;
    unsigned candidates = 0;
    for (unsigned n = 0; (fin = tca_dossier_mark(k->d, TCA_MARK_FIN, 1 - ack->side, n)); n++) {
        if (fin->frame > ack->frame)
            break;
        if (!named && ack->has_ts && fin->has_ts && fin->tsval == ack->tsecr)
            named = fin;
        if (!newest || ack->time_ns - fin->time_ns >= tca_closing_path_ns(k, ack->side) * 3 / 4)
            newest = fin;
        candidates++;
    }
    *ret_sure &= named || candidates == 1;
    return named ? named : newest;
}

static bool repeats_fin_after(const struct tca_closing *k, int side, const struct tca_mark *mark)
{
    const struct tca_mark *last = tca_dossier_last(k->d, TCA_MARK_FIN, side);
    return last && last->copy > 1 && last->frame > mark->frame && tca_closing_knew(k, last, mark);
}

/* Did this side pass through CLOSING? See the top of the file. */
static enum tca_through through_closing(const struct tca_closing *k, int side, bool *ret_sure)
{
    const struct tca_mark *own = k->fin_ack[side], *peers = k->fin_ack[1 - side];
    if (!own)
        return TCA_THROUGH_NOT_TOLD;
    const struct tca_mark *answered = answered_fin(k, own, ret_sure);
    if (!answered)
        return TCA_THROUGH_NOT_TOLD;
    if (tca_closing_covers_fin(k, answered, side))
        return TCA_THROUGH_NOT_CLOSING;
    bool acked_before = peers && peers->frame < answered->frame && !repeats_fin_after(k, side, peers);
    return acked_before ? TCA_THROUGH_NOT_CLOSING : TCA_THROUGH_CLOSING;
}

struct tca_crossing tca_closing_crossing(const struct tca_closing *k)
{
    struct tca_crossing x = {.cross = fins_cross(k), .sure = true};
    for (int side = 0; side < 2 && x.cross; side++) {
        bool sure = tca_closing_unseen(k, side) == TCA_UNSEEN_NOT;
        x.through[side] = through_closing(k, side, &sure);
        x.closing += x.through[side] == TCA_THROUGH_CLOSING;
        x.sure = x.sure && sure;
    }
    return x;
}

int64_t tca_closing_idle_ns(const struct tca_closing *k)
{
    if (k->active < 0 || k->fin[k->passive] || !k->fin_ack[k->passive])
        return -1;
    const struct tca_mark *rst = tca_closing_rst(k);
    int64_t until = rst ? rst->time_ns : k->until_ns;
    int64_t from = k->fin_ack[k->passive]->time_ns, data = k->m->side[k->passive].last_data_ns;
    return until - (from > data ? from : data);
}
