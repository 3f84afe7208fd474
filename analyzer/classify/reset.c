/* SPDX-License-Identifier: MIT
 *
 * Why a connection was reset.
 *
 * An RST is read by three things: its shape (which code path built it, shapes.h), what triggered it, and the
 * state its sender was in. CAUSES below asks in this order, the first that holds is the cause:
 *
 *      forged?       its alleged sender went on        nothing else matters
 *      receiver      in TIME_WAIT, in SYN_SENT         in_time_wait, embryonic_dup, refused
 *      sender        in SYN_SENT                       to_challenge; unasked: syn_sent_abort
 *      reply (P, Q)  in SYN_RECV                       the request family
 *                    after the own FIN                 data_after_close, linger2, tw_overflow
 *                    else                              no_socket
 *      active (X)    burst; right behind the own FIN   listener_closed, orphan_limit
 *                    after probes, after repeats       keepalive_timeout, retry_exhausted
 *                    nothing received                  linger0
 *                    else                              unread_data, active_close
 *
 * Invariants: each RST has at most one cause; an RST of a side that an earlier one had already closed has
 * none, being a consequence of it (segments in flight draw a bare RST each). Checked against RFC 9293
 * sections 3.5.2 and 3.10.7, RFC 5961 section 3, and Linux tcp_v4_send_reset(), tcp_send_active_reset(),
 * __tcp_close(), tcp_rcv_state_process(), tcp_time_wait(), tcp_check_req(), tcp_keepalive_timer(),
 * inet_csk_listen_stop() (5.10 to 7.2).
 */
#include "classify/reset.h"

#include "classify/memory.h"
#include "classify/resets.h"

#include <string.h>

static struct tca_rst reset_of(const struct tca_case *c, const struct tca_mark *rst)
{
    return (struct tca_rst){
        .c = c,
        .rst = rst,
        .trigger = tca_rst_trigger(c->d, rst),
        .from = &c->d->m.side[rst->side],
        .to = &c->d->m.side[1 - rst->side],
        .shape = tca_rst_shape(rst),
        .signs = tca_rst_foreign(c->d, rst),
    };
}

const struct tca_mark *tca_rst_first_fin(const struct tca_rst *r, int side)
{
    const struct tca_mark *fin = tca_dossier_mark(r->c->d, TCA_MARK_FIN, side, 0);
    return fin && (fin->frame < r->rst->frame || tca_rst_overtook(r->rst, fin)) ? fin : NULL;
}

const struct tca_mark *tca_rst_own_fin(const struct tca_rst *r)
{
    return tca_rst_first_fin(r, r->rst->side);
}

const struct tca_mark *tca_rst_fin_ack(const struct tca_rst *r)
{
    return tca_dossier_mark(r->c->d, TCA_MARK_FIN_ACK, 1 - r->rst->side, 0);
}

bool tca_rst_answers_synack(const struct tca_rst *r)
{
    return r->trigger && (r->trigger->flags & TCA_SYN) && r->rst->side == TCA_CLIENT;
}

const char *tca_rst_who(const struct tca_rst *r)
{
    return tca_role_name[r->rst->side];
}

const char *tca_rst_peer(const struct tca_rst *r)
{
    return tca_role_name[1 - r->rst->side];
}

enum tca_confidence tca_rst_linux_level(const struct tca_case *c, const struct tca_rst *r,
                                        struct tca_levels levels)
{
    enum tca_confidence level = tca_level(c, levels, TCA_BASIS_SEEN);
    return tca_lower(level, c->host[r->rst->side]->os == TCA_OS_OTHER);
}

/* ---- the table ---- */

static const struct cause {
    enum tca_finding_id id;
    bool (*holds)(const struct tca_rst *r);
    tca_judge *judge;
} CAUSES[] = {
    {TCA_rst_forged_or_middlebox, tca_rst_is_forged, judge_rst_forged_or_middlebox},
    {TCA_rst_in_time_wait, tca_rst_is_in_time_wait, judge_rst_in_time_wait},
    {TCA_rst_embryonic_dup, tca_rst_is_embryonic_dup, judge_rst_embryonic_dup},
    {TCA_rst_refused, tca_rst_is_refused, judge_rst_refused},
    {TCA_rst_to_challenge, tca_rst_is_to_challenge, judge_rst_to_challenge},
    {TCA_rst_syn_sent_abort, tca_rst_is_syn_sent_abort, judge_rst_syn_sent_abort},
    {TCA_rst_listener_closed, tca_rst_is_listener_closed, judge_rst_listener_closed},
    {TCA_rst_request_expired, tca_rst_is_request_expired, judge_rst_request_expired},
    {TCA_rst_abort_on_overflow, tca_rst_is_abort_on_overflow, judge_rst_abort_on_overflow},
    {TCA_rst_data_after_close, tca_rst_is_data_after_close, judge_rst_data_after_close},
    {TCA_rst_linger2, tca_rst_is_linger2, judge_rst_linger2},
    {TCA_rst_tw_overflow, tca_rst_is_tw_overflow, judge_rst_tw_overflow},
    {TCA_rst_no_socket, tca_rst_is_no_socket, judge_rst_no_socket},
    {TCA_rst_keepalive_timeout, tca_rst_is_keepalive_timeout, judge_rst_keepalive_timeout},
    {TCA_rst_retry_exhausted, tca_rst_is_retry_exhausted, judge_rst_retry_exhausted},
    {TCA_rst_linger0, tca_rst_is_linger0, judge_rst_linger0},
    {TCA_rst_unread_data, tca_rst_is_unread_data, judge_rst_unread_data},
    {TCA_rst_orphan_limit, tca_rst_is_orphan_limit, judge_rst_orphan_limit},
    {TCA_rst_active_close, tca_rst_is_active, judge_rst_active_close},
};

static const struct cause *cause_of(const struct tca_rst *r)
{
    for (unsigned at = 0; at < sizeof CAUSES / sizeof *CAUSES; at++)
        if (CAUSES[at].holds(r))
            return &CAUSES[at];
    return NULL;
}

/* SYN and RST in one, which no stack sends and, with this number, none takes. */
static bool is_garbage(const struct tca_mark *rst)
{
    return (rst->flags & TCA_SYN) && (rst->rst_fit == TCA_RST_IN_WINDOW || rst->rst_fit == TCA_RST_OUTSIDE);
}

/* Does this reset end its sender's side, so that later ones are mere consequences? */
static bool ends_sender(enum tca_finding_id cause)
{
    return cause != TCA_FINDING_COUNT && cause != TCA_rst_forged_or_middlebox &&
           cause != TCA_rst_to_challenge;
}

/* A walk over the resets that are told, in their order. */
struct walk {
    const struct tca_case *c;
    unsigned marks;
    bool ended[2];
};

static bool next_told(struct walk *w, struct tca_rst_told *ret)
{
    const struct tca_mark *rst;
    do {
        if (!(rst = tca_dossier_mark(w->c->d, TCA_MARK_RST, -1, w->marks++)))
            return false;
    } while (w->ended[rst->side]);
    ret->reset = reset_of(w->c, rst);
    const struct cause *cause = cause_of(&ret->reset);
    ret->cause = cause ? cause->id : TCA_FINDING_COUNT;
    ret->ignored =
        ret->cause != TCA_rst_forged_or_middlebox && (is_garbage(rst) || tca_rst_is_ignored(w->c, rst));
    w->ended[rst->side] = !ret->ignored && ends_sender(ret->cause);
    return true;
}

static void remember(const struct tca_case *c, struct tca_memory *memory)
{
    struct walk w = {.c = c};
    memory->knows_resets = true;
    for (memory->told = 0; memory->told < TCA_RSTS_REMEMBERED; memory->told++)
        if (!next_told(&w, &memory->rst[memory->told]))
            return;
    memory->told++; /* perhaps there are more */
}

static void count_told(struct tca_rst_found *found, const struct tca_rst_told *told,
                       enum tca_finding_id wanted)
{
    if (told->cause == wanted && !told->ignored && !found->count++)
        found->first = told->reset;
}

static void find_among_all(const struct tca_case *c, enum tca_finding_id wanted, struct tca_rst_found *found)
{
    struct tca_rst_told told;
    struct walk w = {.c = c};
    while (next_told(&w, &told))
        count_told(found, &told, wanted);
}

bool tca_rst_find(const struct tca_case *c, enum tca_finding_id wanted, struct tca_rst_found *ret_found)
{
    struct tca_memory *memory = c->memory;
    ret_found->count = 0;
    if (memory && !memory->knows_resets)
        remember(c, memory);
    if (!memory || memory->told > TCA_RSTS_REMEMBERED) {
        find_among_all(c, wanted, ret_found);
        return ret_found->count;
    }
    for (unsigned at = 0; at < memory->told; at++)
        count_told(ret_found, &memory->rst[at], wanted);
    return ret_found->count;
}

enum tca_confidence tca_rst_sureness(const struct tca_case *c, const struct tca_mark *rst)
{
    struct tca_rst r = reset_of(c, rst);
    const struct cause *cause = cause_of(&r);
    struct tca_judgement j = {.id = cause ? cause->id : TCA_FINDING_COUNT};
    if (cause)
        cause->judge(c, &j);
    return j.frame_count && j.frame[0] == rst->frame ? j.confidence : TCA_NO;
}

bool tca_rst_hold(const struct tca_case *c, struct tca_judgement *j, enum tca_confidence level,
                  struct tca_rst_found *ret_found)
{
    if (!tca_rst_find(c, j->id, ret_found))
        return false;
    const struct tca_rst *r = &ret_found->first;
    tca_hold(j, level, r->rst->time_ns);
    j->actor = r->rst->side;
    j->value = (int64_t)ret_found->count;
    j->unit = "pkts";
    tca_prove(j, r->rst);
    tca_prove(j, r->trigger);
    return true;
}

/* ---- the word for a flow ---- */

static bool is_cause(enum tca_finding_id id)
{
    for (unsigned at = 0; at < sizeof CAUSES / sizeof *CAUSES; at++)
        if (CAUSES[at].id == id)
            return true;
    return id == TCA_rst_invalid;
}

static bool was_ignored(const struct tca_verdict *v, uint64_t frame)
{
    for (unsigned at = 0; at < v->count; at++)
        for (unsigned n = 0; v->judgement[at].id == TCA_rst_invalid && n < v->judgement[at].frame_count; n++)
            if (v->judgement[at].frame[n] == frame)
                return true;
    return false;
}

/* Accepted before ignored, then the earlier, then what says more than "invalid". */
static bool reads_before(const struct tca_verdict *v, const struct tca_judgement *a,
                         const struct tca_judgement *b)
{
    bool a_ignored = was_ignored(v, a->frame[0]), b_ignored = was_ignored(v, b->frame[0]);
    if (a_ignored != b_ignored)
        return b_ignored;
    if (a->frame[0] != b->frame[0])
        return a->frame[0] < b->frame[0];
    return b->id == TCA_rst_invalid;
}

const char *tca_rst_cause(const struct tca_verdict *v)
{
    const struct tca_judgement *best = NULL;
    for (unsigned at = 2; at < v->count; at++) { /* handshake and close are none */
        const struct tca_judgement *j = &v->judgement[at];
        if (is_cause(j->id) && j->frame_count && (!best || reads_before(v, j, best)))
            best = j;
    }
    return best ? tca_findings[best->id].id + strlen("rst_") : "";
}
