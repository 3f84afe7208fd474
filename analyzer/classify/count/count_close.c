/* SPDX-License-Identifier: MIT
 *
 * Counters of closes: resets of open connections, TIME_WAIT, and why the kernel gave up.
 *
 * An active reset tells that its program, or a timer, ended the connection; which of the two, and whether unread data
 * was the reason, often stays open: then each of the counters that may have moved gets one as its upper bound.
 */
#include "classify/count/counting.h"

#include "base/seq32.h"
#include "classify/closing.h"
#include "classify/read/shapes.h"

#define SECOND INT64_C(1000000000)

static const int64_t TIME_WAIT_NS = 60 * SECOND;
static const int64_t SHORT_WAIT_NS = 4 * SECOND; /* an orphan's FIN_WAIT2 up to this counts as TWKilled */

/* ---- resets of open connections ---- */

static bool open_state(enum tca_state state)
{
    return state == TCA_ESTABLISHED || state == TCA_CLOSE_WAIT;
}

/* Its own first RST of a shape. */
static const struct tca_mark *own_rst(const struct tca_counting *k, enum tca_rst_shape shape)
{
    const struct tca_mark *rst;
    for (unsigned at = 0; (rst = tca_dossier_mark(k->d, TCA_MARK_RST, k->role, at)); at++)
        if (tca_rst_shape(rst) == shape && !tca_rst_foreign(k->d, rst))
            return rst;
    return NULL;
}

/* Its program may have closed without a word: the FIN is queued behind payload that waits for acknowledgments, since the
 * window is full or a loss has shrunk it. Then its state is no longer ESTABLISHED or CLOSE_WAIT. */
static bool fin_may_wait(const struct tca_counting *k)
{
    const struct tca_side *me = k->me;
    if (!me->nxt_known || !k->peer->acked_known || !seq_after(me->snd_nxt, k->peer->acked))
        return false;
    bool shrunk = me->retx_rto || me->retx_tlp || me->retx_fast || me->retx_after_rto || me->retx_unsure;
    return shrunk || me->snd_nxt - k->peer->acked > tca_counting_window(k) / 2;
}

static struct tca_bounds step_resets(const struct tca_counting *k, unsigned n)
{
    const struct tca_step *step = &k->me->step[n];
    enum tca_state before = tca_counting_before(k, n);
    if (step->state != TCA_CLOSED || !(open_state(before) || before == TCA_UNKNOWN))
        return count_exactly(0);
    bool socket = !(k->m->damage & TCA_DAMAGE_START_CUT) || k->peer->pkts > k->peer->rst_count; /* no scan */
    bool known = socket && open_state(before) && !k->me->zero_open && !k->peer->zero_open;
    bool active = step->event == TCA_SENT_RST && own_rst(k, TCA_SHAPE_X);
    bool taken = step->event == TCA_GOT_RST && k->near && !fin_may_wait(k);
    return count_one_if(known && (active || taken), true);
}

/* It sent something again, or probed, and got no answer in the end. */
static bool in_vain(const struct tca_counting *k)
{
    bool unacked = !k->peer->acked_known || seq_before(k->peer->acked, k->me->snd_nxt);
    return (k->me->rto_run && unacked) || k->peer->zero_open || k->me->keepalive_unanswered;
}

struct tca_bounds tca_count_estab_resets(const struct tca_counting *k)
{
    for (unsigned at = 0; at < k->me->step_count; at++) {
        struct tca_bounds n = step_resets(k, at);
        if (n.max)
            return n;
    }
    if (k->me->fin_sent)
        return count_exactly(0); /* past ESTABLISHED and CLOSE_WAIT */
    bool open = false;
    for (unsigned at = 0; at < k->me->step_count; at++)
        open |= open_state((enum tca_state)k->me->step[at].state) || k->me->step[at].state == TCA_UNKNOWN;
    bool reset = k->me->rst_count || k->peer->rst_count || k->m->killed_by_reuse;
    bool over = in_vain(k) || tca_side_may_be(k->me, TCA_CLOSED) || k->me->path_cut;
    return count_up_to(open && (reset || over));
}

/* ---- TIME_WAIT ---- */

/* Answered with a reset what TIME_WAIT or an orphan's FIN_WAIT2 would have taken. */
static bool denied(const struct tca_counting *k)
{
    const struct tca_mark *rst = own_rst(k, TCA_SHAPE_P);
    return rst && k->me->fin_sent && rst->time_ns >= k->me->fin_first_ns;
}

/* How long it was in FIN_WAIT2 before TIME_WAIT; 0 if not at all. */
static int64_t fin_wait2_ns(const struct tca_side *me)
{
    for (unsigned at = 0; at + 1 < me->step_count; at++)
        if (me->step[at].state == TCA_FIN_WAIT2 && me->step[at + 1].state == TCA_TIME_WAIT)
            return me->step[at + 1].time_ns - me->step[at].time_ns;
    return 0;
}

/* Its acknowledgment of the peer's FIN was built by a full socket: no orphan's. */
static bool had_socket(const struct tca_counting *k)
{
    const struct tca_mark *ack = tca_dossier_mark(k->d, TCA_MARK_FIN_ACK, k->role, 0);
    return ack && ack->has_ip_id && ack->ip_id && k->c->host[k->role]->ids_tell;
}

/* The next connection of the tuple showed that the TIME_WAIT which it should have met was not there. */
static bool missed(const struct tca_counting *k)
{
    return k->role == TCA_SERVER && (tca_counting_told(k, TCA_time_wait_absent) != TCA_NO ||
                                     tca_counting_told(k, TCA_time_wait_early_recycle) != TCA_NO);
}

struct tca_wait_count tca_counting_waits(const struct tca_counting *k)
{
    enum tca_passage passed = tca_counting_passed(k->me, TCA_TIME_WAIT);
    int64_t half_ns = fin_wait2_ns(k->me);
    bool halfway = half_ns > 0 && !had_socket(k);
    const struct tca_mark *woken = tca_dossier_mark(k->d, TCA_MARK_IN_TIME_WAIT, 1 - k->role, 0);
    return (struct tca_wait_count){
        .due = passed == TCA_PASSED_PROVED || (passed == TCA_PASSED_ASSUMED && k->near),
        .shown = woken && k->me->last_ns > woken->time_ns,
        .orphan = halfway && half_ns <= SHORT_WAIT_NS,
        .patient = halfway && half_ns > SHORT_WAIT_NS,
        .denied = denied(k),
        .missed = missed(k),
    };
}

static bool may_wait(const struct tca_counting *k)
{
    return tca_counting_passed(k->me, TCA_TIME_WAIT) != TCA_PASSED_NEVER ||
           tca_counting_passed(k->me, TCA_FIN_WAIT2) != TCA_PASSED_NEVER ||
           (denied(k) && k->me->fin_acked_by_peer);
}

/* What rests on the host's other connections is added when they are known (tca_counts_settle). */
struct tca_bounds tca_count_time_wait(const struct tca_counting *k)
{
    struct tca_wait_count w = tca_counting_waits(k);
    return count_one_if(w.due && w.shown && !w.orphan && !w.denied, may_wait(k));
}

struct tca_bounds tca_count_tw_overflow(const struct tca_counting *k)
{
    return count_up_to(may_wait(k)); /* nothing on the wire tells it from a TIME_WAIT that was killed */
}

struct tca_bounds tca_count_tw_recycled(const struct tca_counting *k)
{
    const struct tca_prior *prior = &k->m->prior;
    if (k->role == TCA_SERVER || !prior->exists || !k->me->syn_count)
        return count_exactly(0);
    bool own = prior->state[TCA_CLIENT] == TCA_TIME_WAIT;
    bool marked = tca_counting_told(k, TCA_time_wait_reuse_client) == TCA_CERTAIN;
    bool young = prior->time_wait_ns < 0 || k->m->start_ns - prior->time_wait_ns <= TIME_WAIT_NS;
    return count_one_if(marked && own, (marked || own) && young);
}

/* Segments towards this end while it was in TIME_WAIT: of this connection, and SYNs of the next one. */
static uint64_t reached_time_wait(const struct tca_counting *k)
{
    uint64_t own = tca_dossier_count(k->d, TCA_MARK_IN_TIME_WAIT, 1 - k->role);
    bool held = k->m->prior.exists && k->m->prior.state[k->role] == TCA_TIME_WAIT;
    return own + (held ? k->peer->syn_count : 0);
}

/* SYNs that came after newer ones: a request takes no old timestamp either. */
static uint64_t overtaken_syns(const struct tca_counting *k)
{
    uint64_t count = 0;
    uint32_t newest = 0;
    const struct tca_mark *syn;
    unsigned kept = 0;
    for (; (syn = tca_dossier_mark(k->d, TCA_MARK_SYN, 1 - k->role, kept)); kept++) {
        count += kept && syn->has_ts && seq_before(syn->tsval, newest);
        if (!kept || seq_after(syn->tsval, newest))
            newest = syn->tsval;
    }
    return k->peer->syn_count > kept ? count + (k->peer->syn_count - kept) : count;
}

struct tca_bounds tca_count_paws_estab(const struct tca_counting *k)
{
    uint64_t refused = k->me->paws_rejected, least = 0;
    bool answered = k->near && tca_counting_did(k, TCA_dup_ack_paws) == TCA_CERTAIN;
    const struct tca_mark *mark;
    for (unsigned at = 0; answered && (mark = tca_dossier_mark(k->d, TCA_MARK_PAWS, 1 - k->role, at)); at++)
        least += mark->len > 0; /* a bare ACK counts elsewhere, or not at all */
    return count_between(least < refused ? least : refused,
                         refused + reached_time_wait(k) + overtaken_syns(k));
}

/* ---- why it was given up ---- */

/* What may have made this end send its active reset. */
struct tca_bounds tca_count_abort_on_data(const struct tca_counting *k)
{
    const struct tca_mark *active = own_rst(k, TCA_SHAPE_X), *reply = own_rst(k, TCA_SHAPE_P);
    bool linger = active && tca_counting_told(k, TCA_rst_listener_closed) < TCA_PROBABLE &&
                  tca_counting_did(k, TCA_rst_keepalive_timeout) == TCA_NO;
    bool late = reply && k->me->fin_sent;
    bool unacked = late && tca_counting_did(k, TCA_rst_data_after_close) == TCA_CERTAIN &&
                   tca_counting_passed(k->me, TCA_FIN_WAIT2) == TCA_PASSED_NEVER &&
                   tca_counting_passed(k->me, TCA_FIN_WAIT1) == TCA_PASSED_PROVED;
    return count_one_if(unacked, linger || late);
}

struct tca_bounds tca_count_abort_on_close(const struct tca_counting *k)
{
    bool active = own_rst(k, TCA_SHAPE_X) && tca_counting_did(k, TCA_rst_keepalive_timeout) == TCA_NO;
    return count_up_to(active && k->peer->bytes);
}

struct tca_bounds tca_count_abort_on_memory(const struct tca_counting *k)
{
    return count_up_to(own_rst(k, TCA_SHAPE_X) && k->me->fin_sent);
}

struct tca_bounds tca_count_abort_on_timeout(const struct tca_counting *k)
{
    bool keepalive = tca_counting_did(k, TCA_rst_keepalive_timeout) == TCA_CERTAIN;
    bool opening = k->me->syn_count && !tca_counting_opened(k->me);
    bool closing = k->me->fin_sent && !k->me->fin_acked_by_peer;
    return count_one_if(keepalive, keepalive || opening || closing || in_vain(k));
}
