/* SPDX-License-Identifier: MIT
 *
 * Counters of segments: sent again, probes, challenges, windows, resets.
 *
 * Why something was sent again is the mirror's word (liveness.c); where it is not sure every reading counts into the
 * upper bound and none into the lower.
 */
#include "classify/count/counting.h"

#include "base/seq32.h"
#include "classify/read/rungs.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t CHALLENGE_GAP_NS = 500 * MS; /* tcp_invalid_ratelimit: one answer per socket */
/* A giant is cut into at most so many segments: 64 kB by the smallest usual MSS. */
enum { GIANT = 122 };
/* The first window, in segments (RFC 6928), and a segment's size where none was announced (RFC 9293). */

struct tca_bounds tca_count_out_rsts(const struct tca_counting *k)
{
    struct tca_rst_count n = tca_counting_resets(k);
    return count_between(n.kernel, n.kernel + n.replies + n.unsure);
}

/* ---- sent again ---- */

static uint64_t fins_with_payload(const struct tca_counting *k)
{
    const struct tca_mark *fin;
    uint64_t count = 0;
    for (unsigned n = 0; (fin = tca_dossier_mark(k->d, TCA_MARK_FIN, k->role, n)); n++)
        count += fin->len > 0 && n;
    return count;
}

/* Payload and FINs. A FIN's copy with payload is one segment, counted with either. */
static struct tca_bounds stream_again(const struct tca_counting *k)
{
    uint64_t fins = k->me->fin_count ? k->me->fin_count - 1 : 0, both = fins_with_payload(k);
    uint64_t sum = k->me->retx_pkts + (fins > both ? fins - both : 0);
    uint64_t most = k->me->retx_pkts + fins + count_copies(k->me);
    if (k->m->damage & TCA_DAMAGE_OFFLOAD)
        most = k->me->retx_pkts * GIANT + fins + count_copies(k->me);
    return count_between(sum, most);
}

struct tca_bounds tca_count_retrans(const struct tca_counting *k)
{
    struct tca_bounds opening = tca_count_syn_retrans(k), stream = stream_again(k);
    if (!k->near) { /* not the path's copies; but those of what was lost on the way here, of which most is no bound */
        uint64_t least = (uint64_t)k->me->retx_rto + k->me->retx_tlp + k->me->retx_fast;
        stream = count_between(least, stream.max > least ? stream.max : least);
    }
    return tca_counting_sum(opening, stream);
}

/* ---- timers ---- */

/* Expiries of a request's timer between its SYN+ACK and this moment: at 1, 3, 7, ... s. */
static unsigned expiries_until(int64_t first_ns, int64_t until_ns)
{
    unsigned count = 0;
    for (int64_t at_ns = SECOND; count < 32 && until_ns - first_ns >= at_ns; at_ns = 2 * at_ns + SECOND)
        count++;
    return count;
}

/* The ACK made the server's socket at once, though it showed nothing of it: nobody's ACK is refused or deferred here. */
static bool opened_at_once(const struct tca_counting *k)
{
    bool assumed = tca_counting_passed(k->me, TCA_ESTABLISHED) >= TCA_PASSED_ASSUMED;
    return k->near && assumed && k->m->first_ack_ns >= 0 && !k->m->open_refuted &&
           !k->c->listener->stuck_flows;
}

/* When a reset ended the request, or the attempt; -1: none did. */
static int64_t reset_ns(const struct tca_counting *k)
{
    for (unsigned at = 0; at < k->me->step_count; at++) {
        const struct tca_step *step = &k->me->step[at];
        bool over = step->state == TCA_CLOSED || step->state == TCA_LISTEN;
        if (over && k->near && (step->event == TCA_GOT_RST || step->event == TCA_SENT_RST))
            return step->time_ns;
    }
    return -1;
}

/* Where ACKs are refused or deferred the request may have lasted until its child showed itself. */
static int64_t end_of_request_ns(const struct tca_counting *k)
{
    const struct tca_mark *child = tca_dossier_mark(k->d, TCA_MARK_CHILD, TCA_SERVER, 0);
    if (child && k->c->listener->stuck_flows)
        return child->time_ns;
    if (k->m->child_ns >= 0)
        return k->m->child_ns;
    return opened_at_once(k) ? k->m->first_ack_ns : reset_ns(k);
}

/* Expiries of the request's timer: those that repeated the SYN+ACK, those that TCP_DEFER_ACCEPT kept silent, and the
 * last one, which ends it without a word, even after the capture's last packet. */
static uint64_t request_expiries(const struct tca_counting *k, const struct tca_ladder *l)
{
    int64_t end_ns = end_of_request_ns(k);
    uint64_t due = expiries_until(l->first->time_ns, end_ns >= 0 ? end_ns : k->d->capture_end_ns);
    uint64_t seen = (uint64_t)l->rungs + l->answers;
    return (due > seen ? due : seen) + (end_ns < 0);
}

static struct tca_bounds request_timer(const struct tca_counting *k)
{
    struct tca_ladder l;
    tca_ladder_read(k->d, &l);
    if (k->role == TCA_CLIENT || !l.first)
        return count_exactly(0);
    bool mixed = !k->near && l.syns > 1; /* an answer to a repeated SYN looks like a rung from here */
    return count_between(mixed ? 0 : l.rungs, request_expiries(k, &l));
}

static struct tca_bounds syn_timer(const struct tca_counting *k)
{
    if (!k->me->syn_count)
        return count_exactly(0);
    struct tca_bounds syns = tca_count_syn_retrans(k);
    if (k->role == TCA_SERVER)
        return count_up_to(syns.max + 1);
    bool gave_up = !tca_counting_opened(k->me) && reset_ns(k) < 0;
    return count_between(syns.min, syns.max + gave_up);
}

static struct tca_bounds stream_timer(const struct tca_counting *k)
{
    const struct tca_side *me = k->me;
    struct tca_bounds again = stream_again(k);
    bool silent = again.max > 0 && tca_side_may_be(me, TCA_CLOSED);
    uint64_t fast = me->retx_rto ? 0 : me->retx_fast; /* after a timeout nothing is sure to be no timer's */
    uint64_t most = again.max > fast ? again.max - fast : 0;
    bool whole = !(k->m->damage & (TCA_DAMAGE_START_CUT | TCA_DAMAGE_GAP | TCA_DAMAGE_ONE_WAY));
    uint64_t least = whole ? me->retx_rto : 0; /* nothing but a timer asked for it, as far as is seen */
    return count_between(least, (most > least ? most : least) + silent);
}

struct tca_bounds tca_count_timeouts(const struct tca_counting *k)
{
    return tca_counting_sum(stream_timer(k), tca_counting_sum(syn_timer(k), request_timer(k)));
}

/* ---- probes ---- */

struct tca_bounds tca_count_keepalive(const struct tca_counting *k)
{
    return count_exactly(k->me->keepalive_count);
}

struct tca_bounds tca_count_window_probes(const struct tca_counting *k)
{
    return count_exactly(k->me->window_probes);
}

/* The only thing that this end ever sent again, SYNs included. In the wake of another loss the timer that fired may have
 * been the retransmission timer: no probe is set before all of the loss is recovered (tcp_schedule_loss_probe). */
static bool lone_probe(const struct tca_counting *k)
{
    const struct tca_side *me = k->me;
    uint64_t again =
        (uint64_t)me->retx_tlp + me->retx_rto + me->retx_fast + me->retx_unsure + me->retx_after_rto;
    return me->retx_tlp == 1 && again == 1 && me->syn_count + me->synack_count <= 1;
}

struct tca_bounds tca_count_loss_probes(const struct tca_counting *k)
{
    uint64_t most = (uint64_t)k->me->retx_tlp + k->me->retx_unsure + k->me->retx_rto + k->me->paused;
    bool waits =
        k->me->bytes > tca_counting_window(k); /* from afar pauses between new payloads may have shrunk */
    return count_between(lone_probe(k), waits && !k->near ? TCA_UNBOUNDED : most);
}

struct tca_bounds tca_count_fast_retrans(const struct tca_counting *k)
{
    uint64_t fast = k->me->retx_fast, unsure = (uint64_t)k->me->retx_unsure + k->me->retx_after_rto;
    return count_between(k->me->retx_rto ? 0 : fast,
                         fast + unsure); /* after a timeout: TCPSlowStartRetrans */
}

/* ---- challenges ---- */

static bool is_open(enum tca_state state)
{
    return tca_state_synchronized(state) && state != TCA_TIME_WAIT;
}

/* When this end may have been open at the earliest, and when it had shown that it was; INT64_MAX: never. */
static int64_t may_open_ns(const struct tca_counting *k)
{
    bool older = k->m->prior.exists && is_open((enum tca_state)k->m->prior.state[k->role]);
    bool early = k->role == TCA_SERVER && k->m->side[TCA_CLIENT].tfo;
    if (older || early || (k->m->damage & TCA_DAMAGE_START_CUT))
        return INT64_MIN;
    int64_t since_ns = k->role == TCA_CLIENT ? k->m->first_synack_ns : k->m->first_ack_ns;
    return since_ns >= 0 ? since_ns : INT64_MAX;
}

static int64_t shown_open_ns(const struct tca_counting *k)
{
    int64_t since_ns = k->role == TCA_CLIENT ? k->m->first_ack_ns : k->m->child_proved ? k->m->child_ns : -1;
    return since_ns >= 0 ? since_ns : INT64_MAX;
}

/* Segments with SYN that reached this end while it was open; the challenge to each is sent unless another one was
 * within the half second before it. */
static struct tca_bounds syns_to_open(const struct tca_counting *k, uint64_t *ret_spaced)
{
    struct tca_bounds n = count_exactly(0);
    const struct tca_mark *mark;
    int64_t last_ns = INT64_MIN / 2, may_ns = may_open_ns(k), shown_ns = shown_open_ns(k);
    *ret_spaced = 0;
    for (unsigned at = 0; (mark = tca_dossier_mark(k->d, TCA_MARK_SYN | TCA_MARK_SYNACK, 1 - k->role, at));
         at++) {
        if (mark->time_ns <= may_ns || mark->receiver_state == TCA_TIME_WAIT)
            continue; /* the first SYN+ACK opens it */
        bool sure = is_open((enum tca_state)mark->receiver_state) && k->near && mark->time_ns > shown_ns;
        n = tca_counting_sum(n, count_one_if(sure, true));
        *ret_spaced += sure && mark->time_ns - last_ns >= CHALLENGE_GAP_NS;
        last_ns = mark->time_ns;
    }
    return n;
}

struct tca_bounds tca_count_syn_challenge(const struct tca_counting *k)
{
    uint64_t spaced;
    struct tca_bounds n = syns_to_open(k, &spaced);
    uint64_t kept = tca_dossier_count(k->d, TCA_MARK_SYN | TCA_MARK_SYNACK, 1 - k->role);
    uint64_t all = k->peer->syn_count + k->peer->synack_count;
    return count_between(n.min, n.max + (all > kept ? all - kept : 0) + count_copies(k->peer));
}

/* An inexact reset within what this end would still take: its window, or what it has received since it last said what it expects
 * (tcp_input.c tcp_sequence: rcv_wup). */
static bool may_be_challenged(const struct tca_mark *rst)
{
    if (rst->rst_fit == TCA_RST_OUTSIDE)
        return seq_after_eq(rst->seq, rst->peer_acked);
    return rst->rst_fit == TCA_RST_IN_WINDOW || rst->rst_fit == TCA_RST_BLIND;
}

struct tca_bounds tca_count_challenge_ack(const struct tca_counting *k)
{
    uint64_t spaced, inexact = 0;
    const struct tca_mark *rst;
    struct tca_bounds syns = tca_count_syn_challenge(k);
    syns_to_open(k, &spaced);
    for (unsigned at = 0; (rst = tca_dossier_mark(k->d, TCA_MARK_RST, 1 - k->role, at)); at++)
        inexact += may_be_challenged(rst);
    uint64_t kept = tca_dossier_count(k->d, TCA_MARK_RST, 1 - k->role);
    inexact += k->peer->rst_count > kept ? k->peer->rst_count - kept : 0;
    uint64_t provoked = syns.max + inexact, seen = k->me->challenge_count;
    return count_between(spaced, provoked > seen ? provoked : seen);
}

/* ---- windows ---- */

struct tca_bounds tca_count_to_zero_window(const struct tca_counting *k)
{
    return count_exactly(k->d->trouble[k->role].zero_count);
}

struct tca_bounds tca_count_from_zero_window(const struct tca_counting *k)
{
    uint64_t to = tca_count_to_zero_window(k).max;
    return count_between(to && k->me->zero_open ? to - 1 : to, to); /* a reset's window counts, too */
}
