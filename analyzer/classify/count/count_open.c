/* SPDX-License-Identifier: MIT
 *
 * Counters of openings: who tried, what became of it, cookies and fast open.
 *
 * A SYN alone says nothing of its author: floods and scans are made without sockets. Whoever goes on with the
 * connection, repeats the SYN as a timer does, or sends all that a system's connect() sends, has one.
 */
#include "classify/count/counting.h"

#include "base/seq32.h"
#include "classify/handshake.h"
#include "classify/opening.h"
#include "classify/read/rungs.h"
#include "classify/read/shapes.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t AT_ONE_TIME_NS = MS / 100;
static const int64_t TIMER_NS = 900 * MS; /* repeats closer than this may be copies that the path made */

static bool presumed_open(const struct tca_side *side)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if (tca_state_synchronized((enum tca_state)side->step[at].state))
            return true;
    return false;
}

static const struct tca_mark *first_syn(const struct tca_counting *k)
{
    return tca_dossier_mark(k->d, TCA_MARK_SYN, TCA_CLIENT, 0);
}

/* connect() offers a size and at least one thing more. */
static bool built_by_a_system(const struct tca_side *side)
{
    return side->has_mss && (side->sack_ok || side->has_wscale || side->ts_on);
}

static uint64_t surely_again(const struct tca_counting *k, uint32_t role, uint64_t count);

/* The client's SYN was a scanner's, or an old copy. */
static bool disowned(const struct tca_counting *k)
{
    return tca_counting_told(k, TCA_handshake_half_open_rst) != TCA_NO ||
           tca_counting_told(k, TCA_handshake_delayed_dup_syn) != TCA_NO;
}

/* It went on with the connection, or asked again. */
static bool shows_socket(const struct tca_counting *k)
{
    return tca_counting_opened(k->me) || surely_again(k, TCA_MARK_SYN, k->me->syn_count) > 0;
}

static bool has_socket(const struct tca_counting *k)
{
    return !disowned(k) && (shows_socket(k) || built_by_a_system(k->me));
}

bool tca_counting_presumed_opens(const struct tca_counting *k)
{
    return k->role == TCA_CLIENT && first_syn(k) && has_socket(k) && !shows_socket(k);
}

struct tca_bounds tca_count_active_opens(const struct tca_counting *k)
{
    bool bare_syn = k->role == TCA_SERVER && k->m->server_syn_bare;
    if (bare_syn)
        return count_one_if(tca_counting_told(k, TCA_handshake_simultaneous_open) == TCA_CERTAIN, true);
    if (k->role == TCA_SERVER || !first_syn(k))
        return count_exactly(0);
    return count_one_if(!disowned(k) && shows_socket(k), true);
}

/* ---- the server's socket ---- */

/* A child would have acknowledged it. */
static bool asked_in_vain(const struct tca_counting *k)
{
    int64_t data_ns = k->m->side[TCA_CLIENT].first_data_ns;
    return data_ns >= 0 && k->d->capture_end_ns - data_ns >= TCA_QUIET_NS;
}

/* Near the server silence speaks: a request would have repeated its SYN+ACK, or reset the ACK; unless the capture lacks packets. */
static bool surely_opened(const struct tca_counting *k)
{
    if (k->m->child_proved)
        return true;
    enum tca_confidence opened = k->v->judgement[0].confidence;
    bool whole =
        !(k->m->damage & (TCA_DAMAGE_GAP | TCA_DAMAGE_ONE_WAY)) && !k->c->listener->gaps && !asked_in_vain(k);
    bool lost = tca_counting_told(k, TCA_handshake_cookie_ack_lost_state) != TCA_NO;
    return k->near && whole && !lost && presumed_open(k->me) && opened >= TCA_PROBABLE &&
           (k->c->pressed->request || tca_cookie_evidence(k->c, NULL) == TCA_COOKIE_NONE) &&
           !k->c->listener->one_rung_at_1s;
}

/* Two segments of the client at one time may be handled by two processors, and each makes a child of a SYN cookie; one of
 * them is thrown away again. */
static bool may_open_twice(const struct tca_counting *k)
{
    const struct tca_mark *mark, *last = NULL;
    bool unread = k->m->damage & TCA_DAMAGE_SNAPLEN; /* perhaps what speaks of a cookie */
    if (!unread && !k->c->pressed->cookie && tca_cookie_evidence(k->c, NULL) == TCA_COOKIE_NONE)
        return false;
    for (unsigned n = 0; (mark = tca_dossier_mark(k->d, TCA_MARK_OPEN_ACK, TCA_CLIENT, n)); n++) {
        if (last && mark->time_ns - last->time_ns <= AT_ONE_TIME_NS)
            return true;
        last = mark;
    }
    return false;
}

struct tca_bounds tca_count_passive_opens(const struct tca_counting *k)
{
    if (k->role == TCA_CLIENT || tca_counting_told(k, TCA_handshake_simultaneous_open) == TCA_CERTAIN)
        return count_exactly(0);
    bool asked = k->m->acks_since_synack || k->m->first_ack_ns >= 0 || k->m->child_proved;
    if (!first_syn(k))
        return count_up_to(1); /* opened before the capture, or its opening fell out of it */
    bool refused = !k->m->child_proved && k->m->open_refuted && !presumed_open(k->me) &&
                   !tca_side_may_be(k->me, TCA_ESTABLISHED);
    struct tca_bounds opens = count_one_if(surely_opened(k) && asked, asked && !refused);
    opens.max += opens.max && may_open_twice(k);
    return opens;
}

/* ---- attempts that failed ---- */

static bool from_opening(enum tca_state state)
{
    return state == TCA_SYN_SENT || state == TCA_SYN_RECV;
}

static bool ended(const struct tca_side *side, unsigned n)
{
    return side->step[n].state == TCA_CLOSED || side->step[n].state == TCA_LISTEN;
}

/* What ended the opening of this end; TCA_EVENT_NONE if nothing did. */
static enum tca_event end_of_opening(const struct tca_counting *k)
{
    for (unsigned at = 0; at < k->me->step_count; at++)
        if (ended(k->me, at) && from_opening(tca_counting_before(k, at)))
            return (enum tca_event)k->me->step[at].event;
    return TCA_EVENT_NONE;
}

/* What was repeated is no cookie, unless the capture lacks the SYN that drew the repeat. */
static bool maybe_cookie(const struct tca_counting *k)
{
    const struct tca_listener *l = k->c->listener;
    if (k->c->pressed->request && !l->gaps)
        return false;
    return l->cookies_sent.max || l->cookie_skew_flows || tca_cookie_evidence(k->c, NULL) != TCA_COOKIE_NONE;
}

/* The server answered a SYN with a reset while a request of the same tuple waited: the reset ended that one. */
static bool reset_older_request(const struct tca_counting *k)
{
    const struct tca_prior *prior = &k->m->prior;
    return prior->exists && prior->state[TCA_SERVER] == TCA_SYN_RECV && k->me->rst_count &&
           !k->me->synack_count;
}

static struct tca_bounds reset_request(const struct tca_counting *k)
{
    if (reset_older_request(k))
        return count_up_to(1);
    enum tca_event end = end_of_opening(k);
    bool reset = end == TCA_GOT_RST;
    bool request = !maybe_cookie(k);
    bool aborted = tca_counting_told(k, TCA_rst_abort_on_overflow) == TCA_CERTAIN; /* counts elsewhere */
    uint64_t resets = k->peer->rst_count + (aborted ? 0 : k->me->rst_count);
    uint64_t most = k->m->child_proved || k->c->pressed->cookie || !k->me->synack_count ? 0
                    : resets < k->me->synack_count                                      ? resets
                                                                                        : k->me->synack_count;
    return count_between(reset && k->near && request, reset && !most && !k->c->pressed->cookie ? 1 : most);
}

struct tca_bounds tca_count_attempt_fails(const struct tca_counting *k)
{
    if (k->role == TCA_SERVER)
        return reset_request(k);
    enum tca_event end = end_of_opening(k);
    bool refused = end == TCA_GOT_RST || end == TCA_GOT_UNREACHABLE;
    bool may = refused || !tca_counting_opened(k->me) || tca_side_may_be(k->me, TCA_CLOSED);
    return count_one_if(refused && k->near && has_socket(k), may && first_syn(k));
}

struct tca_bounds tca_count_embryonic_rsts(const struct tca_counting *k)
{
    if (k->role == TCA_CLIENT)
        return count_exactly(0);
    enum tca_confidence aborted = tca_counting_told(k, TCA_rst_abort_on_overflow);
    struct tca_bounds by_server = count_one_if(aborted == TCA_CERTAIN, aborted != TCA_NO);
    return tca_counting_sum(by_server, reset_request(k));
}

/* ---- SYNs and SYN+ACKs sent again ---- */

/* Copies of one segment that its sender surely sent again: a new time stamp, or a timer's distance. */
static uint64_t surely_again(const struct tca_counting *k, uint32_t role, uint64_t count)
{
    const struct tca_mark *last = NULL, *mark;
    uint64_t sure = 0, kept = 0;
    for (; (mark = tca_dossier_mark(k->d, role, k->role, (unsigned)kept)); kept++) {
        bool stamped = last && last->has_ts && mark->has_ts;
        bool later = stamped ? mark->tsval != last->tsval : last && mark->time_ns - last->time_ns >= TIMER_NS;
        sure += last && mark->seq == last->seq && later;
        last = mark;
    }
    return count > kept ? sure + (count - kept) : sure;
}

static struct tca_bounds again(const struct tca_counting *k, uint32_t role, uint64_t count)
{
    if (!count)
        return count_exactly(0);
    return count_between(surely_again(k, role, count), count - 1 + count_copies(k->me));
}

/* Nobody is left to repeat a cookie: what a timer repeated was a request's. Where the capture lacks packets, the SYN that the next
 * cookie answers may be one of them. */
static uint64_t repeated_by_timer(const struct tca_counting *k)
{
    struct tca_ladder l;
    if (k->role == TCA_CLIENT || !k->near || k->m->synack_isn_changed || k->c->listener->gaps)
        return 0;
    tca_ladder_read(k->d, &l);
    return l.mixed ? 0 : l.rungs;
}

struct tca_bounds tca_count_syn_retrans(const struct tca_counting *k)
{
    struct tca_bounds syns = again(k, TCA_MARK_SYN, k->me->syn_count);
    struct tca_bounds synacks = again(k, TCA_MARK_SYNACK, k->me->synack_count);
    if (maybe_cookie(k) || k->m->synack_isn_changed)
        synacks.min = repeated_by_timer(k); /* each SYN of a cookie's client gets a first one */
    return tca_counting_sum(syns, synacks);
}

/* ---- cookies ---- */

/* The listener's others agree, or its options say so. */
static bool surely_cookie(const struct tca_counting *k)
{
    return k->c->pressed->cookie || tca_cookie_evidence(k->c, NULL) == TCA_COOKIE_STRONG;
}

struct tca_bounds tca_count_cookies_recv(const struct tca_counting *k)
{
    if (k->role == TCA_CLIENT || !maybe_cookie(k) || !k->me->synack_count)
        return count_exactly(0);
    bool one = !k->m->synack_isn_changed; /* else the child may be that of a request made later */
    bool sure = surely_cookie(k) && one && k->m->child_proved && k->near;
    uint64_t most = k->m->acks_since_synack; /* counted until the child shows itself */
    return count_between(sure, most > sure ? most : sure);
}

/* ---- TCP_DEFER_ACCEPT ---- */

/* Whoever asks at once after his ACK makes the child with that; nothing shows what became of the ACK. */
struct tca_bounds tca_count_defer_drop(const struct tca_counting *k)
{
    bool deferred = tca_counting_told(k, TCA_synack_defer_accept) == TCA_CERTAIN;
    bool prompt = tca_prompt_child(k->d) || (k->c->listener->prompt_opens && !k->c->listener->deferred_opens);
    if (k->role == TCA_CLIENT || !k->me->synack_count || (prompt && !deferred))
        return count_exactly(0);
    const struct tca_mark *ack = tca_dossier_mark(k->d, TCA_MARK_OPEN_ACK, TCA_CLIENT, 0);
    bool bare = ack && !ack->len && !(ack->flags & TCA_FIN);
    bool missed = k->m->damage & (TCA_DAMAGE_GAP | TCA_DAMAGE_SNAPLEN | TCA_DAMAGE_ONE_WAY);
    uint64_t most = k->m->acks_since_synack > k->m->ack_ignored_count ? k->m->ack_ignored_count + 1
                                                                      : k->m->acks_since_synack;
    return count_between(bare && deferred && k->near, missed ? TCA_UNBOUNDED : bare ? most : 0);
}

/* ---- fast open ---- */

/* The SYN+ACK that answers a SYN with payload: does it cover the payload? */
enum answer { NO_ANSWER, COVERS_SYN, COVERS_PAYLOAD };

static enum answer answer_to_payload(const struct tca_counting *k)
{
    const struct tca_mark *syn = first_syn(k);
    const struct tca_mark *synack = tca_dossier_mark(k->d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    if (!syn || !syn->len || !synack || !k->m->side[TCA_CLIENT].tfo)
        return NO_ANSWER;
    return seq_after(synack->ack, syn->seq + 1) ? COVERS_PAYLOAD : COVERS_SYN;
}

static struct tca_bounds if_answered(const struct tca_counting *k, int role, enum answer answer, bool sure)
{
    bool so = k->role == role && answer_to_payload(k) == answer;
    return count_one_if(so && sure, so);
}

struct tca_bounds tca_count_tfo_active(const struct tca_counting *k)
{
    return if_answered(k, TCA_CLIENT, COVERS_PAYLOAD, tca_counting_opened(k->me));
}

/* Twice the timer, or once and then nothing: fast open is taken to be blocked on the way. */
static bool maybe_blocked(const struct tca_counting *k)
{
    uint64_t sent = (uint64_t)k->me->retx_rto + k->me->syn_count;
    bool given_up = !tca_counting_opened(k->me) || tca_side_may_be(k->me, TCA_CLOSED);
    return k->role == TCA_CLIENT && k->me->tfo && (sent > 2 || (sent == 2 && given_up));
}

struct tca_bounds tca_count_tfo_active_fail(const struct tca_counting *k)
{
    struct tca_bounds n = if_answered(k, TCA_CLIENT, COVERS_SYN, tca_counting_opened(k->me));
    n.max += maybe_blocked(k);
    return n;
}

struct tca_bounds tca_count_tfo_passive(const struct tca_counting *k)
{
    return if_answered(k, TCA_SERVER, COVERS_PAYLOAD, true);
}

struct tca_bounds tca_count_tfo_passive_fail(const struct tca_counting *k)
{
    const struct tca_side *client = &k->m->side[TCA_CLIENT];
    return if_answered(k, TCA_SERVER, COVERS_SYN, client->tfo_cookie && k->me->tfo_cookie && k->near);
}

struct tca_bounds tca_count_tfo_cookie_requests(const struct tca_counting *k)
{
    const struct tca_side *client = &k->m->side[TCA_CLIENT];
    if (k->role == TCA_CLIENT || !client->tfo || client->tfo_cookie || !k->me->synack_count)
        return count_exactly(0);
    return count_one_if(!maybe_cookie(k), true);
}
