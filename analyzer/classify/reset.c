/* SPDX-License-Identifier: MIT
 *
 * Why a connection was reset.
 *
 * An RST is read by three things: its shape (which code path built it, shapes.h), what triggered it, and the
 * state its sender was in. CAUSES below asks in this order, the first that holds is the cause:
 *
 *      forged?       its alleged sender went on        nothing else matters
 *      receiver      in TIME_WAIT, in SYN_SENT         in_time_wait, embryonic_dup, refused
 *      reply (P, Q)  to a challenge; in SYN_RECV       to_challenge, the request family
 *                    after the own FIN                 data_after_close, linger2, tw_overflow
 *                    else                              no_socket
 *      active (X)    burst; right behind the own FIN   listener_closed, orphan_limit
 *                    after probes; nothing received    keepalive_timeout, linger0
 *                    else                              unread_data, active_close
 *
 * Invariants: each RST has at most one cause; an RST of a side that an earlier one had already closed has
 * none, being a consequence of it (segments in flight draw a bare RST each). Checked against RFC 9293
 * sections 3.5.2 and 3.10.7, RFC 5961 section 3, and Linux tcp_v4_send_reset(), tcp_send_active_reset(),
 * __tcp_close(), tcp_rcv_state_process(), tcp_time_wait(), tcp_check_req(), tcp_keepalive_timer(),
 * inet_csk_listen_stop() (5.10 to 7.2).
 */
#include "classify/reset.h"

#include "base/seq32.h"
#include "classify/level.h"
#include "classify/shapes.h"

#include <string.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
/* Arguments for "%u.%03u s". */
#define WHOLE(ns) tca_whole_s(ns), tca_whole_ms(ns)

/* A sender's older segments may pass this long after its RST. */
static const int64_t REORDER_NS = 5 * MS;
/* Resets of one closing listener. */
static const int64_t BURST_NS = 20 * MS;
/* A reply, the round trip to the server aside. */
static const int64_t PROMPT_NS = 50 * MS;
/* No request of full length and no SYN cookie expires earlier than this. */
static const int64_t REQUEST_NS = 60 * SECOND;
/* An orphan's FIN_WAIT2 of 60 s, timer lateness included. */
static const int64_t ORPHAN_NS = 66 * SECOND;
/* An end that spoke more recently has hardly lost its memory since. */
static const int64_t SILENCE_NS = SECOND / 2;
/* FIN and RST of one close(). */
static const int64_t SAME_CALL_NS = 2 * MS;
/* No FIN_WAIT2 of an orphan ends sooner: 3.5 times the smallest retransmission timer (tcp_fin_time()). */
static const int64_t FIN_WAIT2_NS = 3 * SECOND / 5;
/* A request's receive window, which is never scaled, is no larger. */
enum { REQUEST_WINDOW = 65535 };
/* What was under way when an RST passed has arrived by then. */
static const int64_t GOES_ON_NS = SECOND;

struct reset {
    const struct tca_case *c;
    const struct tca_mark *rst, *trigger;
    const struct tca_side *from, *to;
    enum tca_rst_shape shape;
    unsigned signs; /* enum tca_rst_sign */
};

static struct reset reset_of(const struct tca_case *c, const struct tca_mark *rst)
{
    return (struct reset){
        .c = c,
        .rst = rst,
        .trigger = tca_rst_trigger(c->d, rst),
        .from = &c->d->m.side[rst->side],
        .to = &c->d->m.side[1 - rst->side],
        .shape = tca_rst_shape(rst),
        .signs = tca_rst_foreign(c->d, rst),
    };
}

/* ---- forged ---- */

/* A SYN after the RST may have begun anew what the RST refused. */
static bool begun_anew(const struct tca_case *c, const struct tca_mark *rst, const struct tca_mark *until)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_SYN, 1 - rst->side, n)); n++)
        if (mark->frame > rst->frame && mark->frame < until->frame)
            return true;
    return false;
}

/* A segment that its alleged sender sent after the RST, and that cannot merely have been overtaken by it. */
static const struct tca_mark *went_on(const struct tca_case *c, const struct tca_mark *rst)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_AFTER_RST, rst->side, n)); n++) {
        if (mark->frame < rst->frame || mark->flags & TCA_SYN || begun_anew(c, rst, mark))
            continue;
        if (mark->time_ns - rst->time_ns >= REORDER_NS || seq_after(mark->seq + mark->len, rst->seq))
            return mark;
    }
    return NULL;
}

static unsigned bits(unsigned set)
{
    unsigned count = 0;
    for (; set; set &= set - 1)
        count++;
    return count;
}

/* The answer to a SYN+ACK that nobody asked for: the SYN had borrowed the address, not the reset. */
static bool answers_synack(const struct reset *r)
{
    return r->trigger && (r->trigger->flags & TCA_SYN) && r->rst->side == TCA_CLIENT;
}

static enum tca_confidence forged_level(const struct reset *r)
{
    if (went_on(r->c, r->rst))
        return TCA_CERTAIN;
    if (answers_synack(r))
        return TCA_NO;
    if (r->signs & TCA_SIGN_TTL)
        return bits(r->signs) > 1 ? TCA_PROBABLE : TCA_POSSIBLE;
    return bits(r->signs) > 1 ? TCA_POSSIBLE : TCA_NO;
}

static bool is_forged(const struct reset *r)
{
    return forged_level(r) != TCA_NO;
}

/* ---- by the receiver's state ---- */

static bool is_in_time_wait(const struct reset *r)
{
    return r->rst->receiver_state == TCA_TIME_WAIT;
}

static bool is_refused(const struct reset *r)
{
    return (r->rst->flags & TCA_ACK) && r->rst->receiver_state == TCA_SYN_SENT &&
           r->rst->rst_fit == TCA_RST_EXACT;
}

/* Another SYN, inside the window of a request that still waits: tcp_check_req() resets it, and the request is gone. */
static bool is_embryonic_dup(const struct reset *r)
{
    const struct tca_prior *prior = &r->c->d->m.prior;
    if (!is_refused(r) || r->rst->side != TCA_SERVER || !prior->exists || !prior->iss_known[TCA_CLIENT] ||
        prior->state[TCA_SERVER] != TCA_SYN_RECV)
        return false;
    return seq_after(r->to->iss, prior->iss[TCA_CLIENT]) &&
           r->to->iss - prior->iss[TCA_CLIENT] <= REQUEST_WINDOW;
}

/* ---- replies ---- */

/* Sent by a host that is opening another connection, or answers the SYN+ACK to a SYN from long ago. */
static bool is_to_challenge(const struct reset *r)
{
    if (r->shape != TCA_SHAPE_P || !r->trigger)
        return false;
    if (r->rst->sender_state == TCA_SYN_SENT && r->from->iss_known && r->trigger->ack != r->from->iss + 1)
        return true;
    bool synack = (r->trigger->flags & (TCA_SYN | TCA_ACK)) == (TCA_SYN | TCA_ACK);
    const struct tca_prior *prior = &r->c->d->m.prior;
    return synack && r->rst->side == TCA_CLIENT && prior->exists && prior->ts_on[TCA_CLIENT] &&
           r->from->ts_on && r->from->iss_known &&
           seq_before(r->from->tsval_last, prior->tsval_last[TCA_CLIENT]);
}

/* The server resets a connection that it has not opened yet: bare, with its first number. */
static bool in_request(const struct reset *r)
{
    return r->shape == TCA_SHAPE_P && r->rst->side == TCA_SERVER && !r->c->d->m.child_proved &&
           r->from->synack_count && r->from->iss_known && r->rst->seq == r->from->iss + 1 &&
           r->c->d->m.first_ack_ns >= 0;
}

static bool is_request_expired(const struct reset *r)
{
    if (!in_request(r))
        return false;
    int64_t since = r->rst->time_ns - r->from->syn_last_ns;
    int64_t life = tca_host_request_ns(r->c->host[TCA_SERVER]);
    if (life >= 0 && r->rst->time_ns - r->c->d->m.first_synack_ns >= life)
        return true;
    if (r->from->synack_count < 2)
        return since >= REQUEST_NS;
    int64_t interval = 2 * r->from->syn_gap_ns;
    return r->from->syn_gap_ns >= SECOND / 2 && since >= interval - interval / 10;
}

static bool near_burst(const struct reset *r, int64_t after_ns)
{
    const struct tca_listener *l = r->c->listener;
    int64_t since = r->rst->time_ns - l->closed_burst_ns;
    return l->closed_burst >= 2 && since >= -BURST_NS && since <= after_ns;
}

static const struct tca_mark *first_fin_of(const struct reset *r, int side)
{
    const struct tca_mark *fin = tca_dossier_mark(r->c->d, TCA_MARK_FIN, side, 0);
    return fin && fin->frame < r->rst->frame ? fin : NULL;
}

/* The reset's sender had closed before. */
static const struct tca_mark *own_fin(const struct reset *r)
{
    return first_fin_of(r, r->rst->side);
}

/* A server that resets what its client has closed answers that, and says nothing of its listener. */
static bool is_listener_closed(const struct reset *r)
{
    if (r->rst->side != TCA_SERVER || !r->from->iss_known || r->rst->seq != r->from->iss + 1 ||
        r->from->bytes || first_fin_of(r, TCA_CLIENT))
        return false;
    if (r->shape == TCA_SHAPE_X)
        return near_burst(r, BURST_NS);
    return in_request(r) && near_burst(r, REQUEST_NS);
}

/* Answered at once, and with an acknowledgment that a request would have taken (tcp_check_req). */
static bool answers_open_ack(const struct reset *r)
{
    const struct tca_mark *ack = r->trigger;
    if (!ack || ack->side != TCA_CLIENT || (ack->flags & (TCA_SYN | TCA_ACK)) != TCA_ACK ||
        !seq_after(ack->seq, r->to->iss))
        return false;
    int64_t path = r->c->d->m.path_to_server_ns;
    return r->rst->time_ns - ack->time_ns <= (path > 0 ? path : 0) + PROMPT_NS;
}

/* Bare in every respect, as a kernel without a socket builds it: other builders fill in a window or a number. */
static bool is_bare(const struct tca_mark *rst)
{
    return !rst->window && !rst->ack && !rst->has_ts;
}

static bool is_abort_on_overflow(const struct reset *r)
{
    int64_t aborts;
    bool never =
        tca_host_knows(r->c->host[TCA_SERVER], TCA_SETTING_tcp_abort_on_overflow, &aborts) && !aborts;
    return !never && in_request(r) && is_bare(r->rst) && answers_open_ack(r);
}

/* Bytes of the peer up to the end of what the reset answers that its sender had not taken. Before a FIN they may have
 * gone in segments of their own. */
static uint32_t bytes_not_taken(const struct reset *r)
{
    const struct tca_mark *trigger = r->trigger;
    bool ahead =
        (trigger->flags & TCA_FIN) && r->from->acked_known && seq_after(trigger->seq, r->from->acked);
    return trigger->len + (ahead ? trigger->seq - r->from->acked : 0);
}

/* New data, from a peer that had not closed itself. An old copy met no closed application but a forgotten one. */
static bool is_data_after_close(const struct reset *r)
{
    const struct tca_mark *fin = own_fin(r), *peer_fin = first_fin_of(r, 1 - r->rst->side);
    if (r->shape != TCA_SHAPE_P || !fin || !r->trigger || !bytes_not_taken(r))
        return false;
    bool peer_open = !peer_fin || peer_fin->frame >= r->trigger->frame;
    int64_t known = tca_host_seconds(r->c->host[r->rst->side], TCA_SETTING_tcp_fin_timeout, -1);
    return peer_open &&
           r->rst->time_ns - fin->time_ns <= (known < 0 ? ORPHAN_NS : known + known / 8 + SECOND);
}

/* The other side's first acknowledgment of the FIN that the reset's sender had sent. */
static const struct tca_mark *fin_ack_of(const struct reset *r)
{
    return tca_dossier_mark(r->c->d, TCA_MARK_FIN_ACK, 1 - r->rst->side, 0);
}

/* TCP_LINGER2 below zero: there is no FIN_WAIT2, so the very ACK of the FIN meets the end of the socket. A FIN that was
 * repeated more often than a probe may have been given up before. */
static bool is_linger2(const struct reset *r)
{
    const struct tca_mark *ack = r->trigger;
    return r->shape == TCA_SHAPE_P && own_fin(r) && ack && ack == fin_ack_of(r) &&
           ack->receiver_state == TCA_FIN_WAIT1 && r->rst->seq == r->from->fin_seq + 1 &&
           r->from->fin_count <= 2 && !bytes_not_taken(r);
}

/* Its FIN had been acknowledged and nothing came of it; the other side's FIN follows sooner than any FIN_WAIT2 can have
 * ended, and meets no socket. */
static bool is_tw_overflow(const struct reset *r)
{
    const struct tca_mark *ack = fin_ack_of(r), *fin = r->trigger;
    return r->shape == TCA_SHAPE_P && own_fin(r) && fin && (fin->flags & TCA_FIN) && ack &&
           ack->frame < fin->frame && fin->receiver_state == TCA_FIN_WAIT2 && !bytes_not_taken(r) &&
           r->rst->time_ns - ack->time_ns < FIN_WAIT2_NS;
}

static bool is_no_socket(const struct reset *r)
{
    if (r->shape != TCA_SHAPE_P && r->shape != TCA_SHAPE_Q)
        return false;
    if (r->trigger)
        return !answers_synack(r);
    return r->rst->rst_fit == TCA_RST_EXACT && r->rst->peer_acked == r->rst->seq;
}

/* It had an open connection and never said that it was done. A request that never opened is no such loss. */
static bool never_closed(const struct reset *r)
{
    if (r->rst->side == TCA_SERVER && r->from->synack_count && !r->c->d->m.child_proved)
        return false;
    bool open = r->rst->sender_state == TCA_ESTABLISHED || r->rst->sender_state == TCA_CLOSE_WAIT;
    return open && r->from->pkts > r->from->rst_count && !own_fin(r);
}

/* ---- active resets ---- */

static bool is_active(const struct reset *r)
{
    return r->shape == TCA_SHAPE_X;
}

struct probes {
    const struct tca_mark *first, *last;
    unsigned count;
    bool even; /* at equal intervals, the reset one more after the last */
};

/* Timers are late by up to an eighth, never early. */
static bool same_interval(int64_t a, int64_t b)
{
    int64_t apart = a > b ? a - b : b - a;
    return apart <= (a > b ? a : b) / 8 + 20 * MS;
}

/* Probes of the reset's sender that nothing has answered. */
static struct probes probes_before(const struct reset *r)
{
    struct probes p = {.even = true};
    const struct tca_mark *heard = tca_mark_before(r->c->d, r->rst, 1 - r->rst->side), *mark;
    int64_t interval = 0;
    for (unsigned n = 0; (mark = tca_dossier_mark(r->c->d, TCA_MARK_KEEPALIVE, r->rst->side, n)); n++) {
        if (mark->frame > r->rst->frame || (heard && mark->frame < heard->frame))
            continue;
        if (p.count == 1)
            interval = mark->time_ns - p.last->time_ns;
        else if (p.count > 1 && p.count < 9)
            p.even &= same_interval(interval, mark->time_ns - p.last->time_ns);
        if (!p.count++)
            p.first = mark;
        p.last = mark;
    }
    if (p.count > 1)
        p.even &= same_interval(interval, r->rst->time_ns - p.last->time_ns);
    return p;
}

static bool is_keepalive_timeout(const struct reset *r)
{
    if (!is_active(r))
        return false;
    struct probes p = probes_before(r);
    return p.count > 0 && p.even;
}

/* What the reset itself says that its sender had received. Without the peer's initial number: not known. */
static bool received_nothing(const struct reset *r)
{
    return r->to->iss_known && r->rst->ack == r->to->iss + 1 && !(r->c->d->m.damage & TCA_DAMAGE_START_CUT);
}

static bool is_linger0(const struct reset *r)
{
    return is_active(r) && received_nothing(r) && !own_fin(r);
}

static bool is_unread_data(const struct reset *r)
{
    /* A client whose last word was to receive has got its answer; a server in that place owes one. */
    return is_active(r) && r->rst->side == TCA_SERVER && !own_fin(r) && r->to->iss_known &&
           seq_after(r->rst->ack, r->to->iss + 1) && r->to->bytes > 0 &&
           r->to->last_data_ns > r->from->last_data_ns && !r->to->fin_sent;
}

/* What came last from the other side was never answered: it may lie unread. */
static bool owes_answer(const struct reset *r)
{
    return r->to->bytes && r->to->last_data_ns > r->from->last_data_ns;
}

/* FIN and RST from one call of close(), which found too many orphans. Had anything been unread, shutdown() and close()
 * would look the same. */
static bool is_orphan_limit(const struct reset *r)
{
    const struct tca_mark *fin = own_fin(r), *ack = fin_ack_of(r);
    return is_active(r) && fin && r->from->fin_count == 1 && r->rst->seq == r->from->fin_seq + 1 &&
           !(ack && ack->frame < r->rst->frame) && r->rst->time_ns - fin->time_ns <= SAME_CALL_NS &&
           !owes_answer(r);
}

/* ---- the table ---- */

static const struct {
    enum tca_finding_id id;
    bool (*holds)(const struct reset *r);
} CAUSES[] = {
    {TCA_rst_forged_or_middlebox, is_forged},
    {TCA_rst_in_time_wait, is_in_time_wait},
    {TCA_rst_embryonic_dup, is_embryonic_dup},
    {TCA_rst_refused, is_refused},
    {TCA_rst_to_challenge, is_to_challenge},
    {TCA_rst_listener_closed, is_listener_closed},
    {TCA_rst_request_expired, is_request_expired},
    {TCA_rst_abort_on_overflow, is_abort_on_overflow},
    {TCA_rst_data_after_close, is_data_after_close},
    {TCA_rst_linger2, is_linger2},
    {TCA_rst_tw_overflow, is_tw_overflow},
    {TCA_rst_no_socket, is_no_socket},
    {TCA_rst_keepalive_timeout, is_keepalive_timeout},
    {TCA_rst_linger0, is_linger0},
    {TCA_rst_unread_data, is_unread_data},
    {TCA_rst_orphan_limit, is_orphan_limit},
    {TCA_rst_active_close, is_active},
};

static enum tca_finding_id cause_of(const struct reset *r)
{
    for (unsigned at = 0; at < sizeof CAUSES / sizeof *CAUSES; at++)
        if (CAUSES[at].holds(r))
            return CAUSES[at].id;
    return TCA_FINDING_COUNT;
}

/* Does this reset end its sender's side, so that later ones are mere consequences? */
static bool ends_sender(enum tca_finding_id cause)
{
    return cause != TCA_FINDING_COUNT && cause != TCA_rst_forged_or_middlebox &&
           cause != TCA_rst_to_challenge;
}

/* RFC 5961 section 3.2: a reset in the window but not at the expected number, what it was asked, and the exact reset that
 * only a host without such a connection gives. */
struct challenged {
    const struct tca_mark *challenge, *exact;
};

static struct challenged challenged_of(const struct tca_case *c, const struct tca_mark *rst)
{
    struct challenged found = {NULL, NULL};
    if (rst->rst_fit == TCA_RST_OUTSIDE || rst->rst_fit == TCA_RST_BLIND)
        return found;
    for (unsigned n = 0; (found.challenge = tca_dossier_mark(c->d, TCA_MARK_CHALLENGE, 1 - rst->side, n));
         n++)
        if (found.challenge->frame > rst->frame && seq_before(found.challenge->ack, rst->seq))
            break;
    for (unsigned n = 0; found.challenge; n++) {
        found.exact = tca_dossier_mark(c->d, TCA_MARK_RST, rst->side, n);
        if (!found.exact ||
            (found.exact->frame > found.challenge->frame && tca_rst_shape(found.exact) == TCA_SHAPE_P &&
             found.exact->seq == found.challenge->ack))
            break;
    }
    return found;
}

/* An ignored reset is no cause of anything: its receiver challenged it, or went on. A reply that bears the
 * acknowledgment of what it answers is always taken. */
static bool is_ignored(const struct tca_case *c, const struct tca_mark *rst)
{
    if ((rst->rst_fit != TCA_RST_IN_WINDOW && rst->rst_fit != TCA_RST_OUTSIDE) ||
        tca_rst_trigger(c->d, rst) || rst->receiver_state == TCA_TIME_WAIT ||
        rst->receiver_state == TCA_CLOSED || challenged_of(c, rst).exact)
        return false;
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_CHALLENGE, 1 - rst->side, n)); n++)
        if (mark->frame > rst->frame)
            return true;
    const struct tca_mark *last = tca_dossier_last(c->d, TCA_MARK_LAST, 1 - rst->side);
    return went_on(c, rst) || (last && !(last->flags & TCA_RST) && last->time_ns - rst->time_ns > GOES_ON_NS);
}

/* The first reset of this cause, and how many there are. */
struct found {
    struct reset first;
    unsigned count;
};

static struct found find_cause(const struct tca_case *c, enum tca_finding_id wanted)
{
    struct found found = {.count = 0};
    bool ended[2] = {false, false};
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = tca_dossier_mark(c->d, TCA_MARK_RST, -1, n)); n++) {
        if (ended[rst->side])
            continue;
        struct reset r = reset_of(c, rst);
        enum tca_finding_id cause = cause_of(&r);
        bool ignored = cause != TCA_rst_forged_or_middlebox && is_ignored(c, rst);
        if (cause == wanted && !ignored && !found.count++)
            found.first = r;
        ended[rst->side] = !ignored && ends_sender(cause);
    }
    return found;
}

/* Hold with the reset's frame first, then its trigger. Returns the reset, or NULL when the cause does not
 * occur. */
static bool hold_cause(const struct tca_case *c, struct tca_judgement *j, enum tca_confidence level,
                       struct found *ret_found)
{
    *ret_found = find_cause(c, j->id);
    if (!ret_found->count)
        return false;
    const struct reset *r = &ret_found->first;
    tca_hold(j, level, r->rst->time_ns);
    j->actor = r->rst->side;
    j->value = (int64_t)ret_found->count;
    j->unit = "pkts";
    tca_prove(j, r->rst);
    tca_prove(j, r->trigger);
    return true;
}

static const char *who(const struct reset *r)
{
    return r->rst->side == TCA_CLIENT ? "client" : "server";
}

static const char *peer(const struct reset *r)
{
    return r->rst->side == TCA_CLIENT ? "server" : "client";
}

/* ---- judges: one per cause ---- */

void judge_rst_refused(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!c->d->m.side[TCA_CLIENT].rst_count && !c->d->m.side[TCA_SERVER].rst_count)
        return;
    if (hold_cause(c, j, TCA_CERTAIN, &f))
        tca_say(j, "The %s refused the connection.", who(&f.first));
}

void judge_rst_embryonic_dup(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};
    struct found f;
    if (!c->d->m.side[TCA_SERVER].rst_count || !hold_cause(c, j, tca_level(c, levels, TCA_BASIS_SEEN), &f))
        return;
    tca_say(j,
            "The SYN met the server's half-open connection of the same ports, whose SYN had another number, "
            "inside its window: the server reset it and forgot both.");
}

/* Siblings decide: one reset alone may come from anything in front of the service. */
static enum tca_confidence overflow_level(const struct reset *r)
{
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};
    const struct tca_listener *l = r->c->listener;
    bool near = tca_near_server(r->c->vantage);
    bool siblings = l->aborted_opens >= 2 || tca_listener_episode(l, r->rst->time_ns, SECOND);
    if (!near && !siblings)
        return TCA_POSSIBLE;
    if (near && l->aborted_opens >= 3 && l->established > 0 && !l->refused)
        return TCA_CERTAIN;
    enum tca_confidence level = tca_level(r->c, levels, TCA_BASIS_SEEN);
    bool odd = l->refused > 0 || (r->rst->has_ip_id && r->rst->ip_id);
    return odd ? tca_lower(level, 1) : level;
}

void judge_rst_abort_on_overflow(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!c->d->m.side[TCA_SERVER].rst_count || !hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = tca_linux_only(c, TCA_SERVER, overflow_level(&f.first));
    tca_say(j, "The server reset the connection in answer to the handshake's last ACK.");
}

void judge_rst_request_expired(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_CERTAIN, TCA_PROBABLE};
    struct found f;
    if (!c->d->m.side[TCA_SERVER].rst_count || !hold_cause(c, j, tca_level(c, levels, TCA_BASIS_SEEN), &f))
        return;
    if (f.first.from->synack_count < 2)
        j->confidence = tca_lower(j->confidence, 1); /* the end of the ladder was not seen */
    tca_say(j,
            "The server forgot the request after %u SYN+ACK; the client's next segment came %u.%03u s after "
            "the last.",
            (unsigned)f.first.from->synack_count, WHOLE(j->time_ns - f.first.from->syn_last_ns));
}

void judge_rst_listener_closed(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_CERTAIN, TCA_PROBABLE};
    struct found f;
    if (!c->d->m.side[TCA_SERVER].rst_count || !hold_cause(c, j, tca_level(c, levels, TCA_BASIS_SEEN), &f))
        return;
    /* A SYN that is refused, or a third child, leaves no doubt; a request answered later keeps some. */
    bool sure = is_active(&f.first) && (c->listener->refused || c->listener->closed_burst >= 3);
    if (!sure)
        j->confidence = tca_lower(j->confidence, 1);
    tca_say(j, "The listener was closed: %u connections that nobody had accepted were reset together.",
            (unsigned)c->listener->closed_burst);
}

/* How long the reset's sender had been silent before what it answers, at most: bare ACKs are not kept. */
static int64_t silence_before(const struct reset *r)
{
    const struct tca_mark *before = r->trigger ? r->trigger : r->rst;
    const struct tca_mark *own = tca_mark_before(r->c->d, before, r->rst->side);
    int64_t last_ns = own && own->time_ns > r->from->last_data_ns ? own->time_ns : r->from->last_data_ns;
    return last_ns >= 0 && before->time_ns > last_ns ? before->time_ns - last_ns : 0;
}

static enum tca_confidence no_socket_level(const struct reset *r)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_PROBABLE, TCA_PROBABLE};
    return tca_lower(tca_level(r->c, levels, TCA_BASIS_SEEN), r->trigger ? 0 : 1);
}

void judge_rst_no_socket(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = no_socket_level(&f.first);
    if (own_fin(&f.first))
        tca_say(j, "The %s had closed and forgotten the connection when another segment came.",
                who(&f.first));
    else
        tca_say(j, "The %s does not know the connection that the %s's segment belongs to.", who(&f.first),
                peer(&f.first));
}

void judge_half_open_discovered(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f = find_cause(c, TCA_rst_no_socket);
    if (!f.count || !never_closed(&f.first))
        return;
    const struct reset *r = &f.first;
    int64_t silent = silence_before(r);
    if (silent < SILENCE_NS)
        return; /* whoever resets in the middle of a conversation has not forgotten it */
    tca_hold(j, no_socket_level(r), r->rst->time_ns);
    j->actor = r->rst->side;
    j->value = silent;
    j->unit = "ns";
    tca_prove(j, r->rst);
    tca_prove(j, r->trigger);
    tca_say(j,
            "The %s had lost the connection; it was silent for %u.%03u s before the %s's segment showed it.",
            who(r), WHOLE(silent), peer(r));
}

void judge_rst_data_after_close(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_CERTAIN, &f))
        return;
    tca_prove(j, own_fin(&f.first));
    tca_say(j, "The %s had closed; %u bytes that the %s still sent drew a reset.", who(&f.first),
            (unsigned)bytes_not_taken(&f.first), peer(&f.first));
}

/* Options and limits of Linux: of a host that is known to be another system they are a guess. */
static enum tca_confidence linux_level(const struct tca_case *c, const struct reset *r,
                                       struct tca_levels levels)
{
    enum tca_confidence level = tca_level(c, levels, TCA_BASIS_SEEN);
    return tca_lower(level, c->host[r->rst->side]->os == TCA_OS_OTHER);
}

static const struct tca_levels LIMITS = {TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};

void judge_rst_linger2(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = linux_level(c, &f.first, LIMITS);
    tca_prove(j, own_fin(&f.first));
    tca_say(j, "The %s reset the connection as soon as its FIN was acknowledged.", who(&f.first));
}

void judge_rst_tw_overflow(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = linux_level(c, &f.first, LIMITS);
    const struct tca_mark *ack = fin_ack_of(&f.first);
    tca_prove(j, own_fin(&f.first));
    tca_prove(j, ack);
    tca_say(
        j,
        "The %s had forgotten the connection %u.%03u s after its FIN was acknowledged: no room in TIME_WAIT.",
        who(&f.first), WHOLE(j->time_ns - ack->time_ns));
}

void judge_rst_orphan_limit(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_PROBABLE, TCA_PROBABLE};
    if (!hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = linux_level(c, &f.first, levels);
    const struct tca_mark *fin = own_fin(&f.first);
    int64_t gap_ns = j->time_ns - fin->time_ns; /* below zero where time stamps go back */
    tca_prove(j, fin);
    tca_say(j,
            "The %s closed and reset in one breath, %lld us after its FIN: too many orphans, or too much "
            "memory in use.",
            who(&f.first), (long long)(gap_ns > 0 ? gap_ns / 1000 : 0));
}

/* Two resets of one host: the first was its own decision, the second says that no such connection is left. */
void judge_rst_challenge_needed(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_CERTAIN, TCA_PROBABLE};
    const struct tca_mark *rst;
    for (unsigned n = 0; (rst = tca_dossier_mark(c->d, TCA_MARK_RST, -1, n)); n++) {
        struct challenged found = challenged_of(c, rst);
        if (!found.exact)
            continue;
        tca_hold(j, tca_level(c, levels, TCA_BASIS_SEEN), found.exact->time_ns);
        j->actor = rst->side;
        j->value = found.exact->time_ns - rst->time_ns;
        j->unit = "ns";
        tca_prove(j, rst);
        tca_prove(j, found.challenge);
        tca_prove(j, found.exact);
        tca_say(j,
                "The %s's reset was %u bytes ahead of what the %s expected; asked, it repeated it exactly.",
                rst->side == TCA_CLIENT ? "client" : "server", rst->seq - found.challenge->ack,
                rst->side == TCA_CLIENT ? "server" : "client");
        return;
    }
}

void judge_rst_unread_data(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    tca_say(j, "The %s reset the connection although its last word was to receive data it had not answered.",
            who(&f.first));
}

void judge_rst_linger0(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_PROBABLE, &f))
        return;
    tca_say(j, "The %s reset the connection without having received anything to read.", who(&f.first));
}

void judge_rst_active_close(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_PROBABLE, &f))
        return;
    const struct tca_mark *fin = own_fin(&f.first);
    tca_prove(j, fin);
    tca_say(j, "The %s ended the connection by a reset%s.", who(&f.first), fin ? " after its FIN" : "");
}

void judge_rst_keepalive_timeout(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_CERTAIN, &f))
        return;
    struct probes p = probes_before(&f.first);
    if (p.count < 2)
        j->confidence = TCA_PROBABLE;
    tca_prove(j, p.first);
    tca_prove(j, p.last);
    if (p.last)
        tca_say(j, "%u keepalive probes of the %s were not answered; it gave up %u.%03u s after the last.",
                p.count, who(&f.first), WHOLE(j->time_ns - p.last->time_ns));
}

void judge_rst_in_time_wait(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (hold_cause(c, j, TCA_CERTAIN, &f))
        tca_say(j, "The %s's reset met TIME_WAIT at the %s.", who(&f.first), peer(&f.first));
}

void judge_rst_to_challenge(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (hold_cause(c, j, TCA_CERTAIN, &f))
        tca_say(j, "The %s reset what the %s held of an older connection.", who(&f.first), peer(&f.first));
}

void judge_rst_forged_or_middlebox(const struct tca_case *c, struct tca_judgement *j)
{
    struct found f;
    if (!hold_cause(c, j, TCA_POSSIBLE, &f))
        return;
    const struct tca_mark *after = went_on(c, f.first.rst);
    j->confidence = forged_level(&f.first);
    j->actor = TCA_ACTOR_PATH;
    tca_prove(j, after);
    if (after)
        tca_say(j, "The %s went on sending after this reset, so it was not its own.", who(&f.first));
    else
        tca_say(j, "This reset differs from the %s's other segments in%s%s%s%s.", who(&f.first),
                f.first.signs & TCA_SIGN_TTL ? " TTL" : "", f.first.signs & TCA_SIGN_IP_ID ? " IP-ID" : "",
                f.first.signs & TCA_SIGN_TIMESTAMP ? " timestamps" : "",
                f.first.signs & TCA_SIGN_BOTH_WAYS ? " coming from both ends at once" : "");
}

/* A fact about acceptance, whatever the cause: every ignored reset is listed. */
void judge_rst_invalid(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_mark *rst, *first = NULL;
    for (unsigned n = 0; (rst = tca_dossier_mark(c->d, TCA_MARK_RST, -1, n)); n++) {
        if (!is_ignored(c, rst))
            continue;
        first = first ? first : rst;
        j->value++;
        tca_prove(j, rst);
    }
    if (!first)
        return;
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_CERTAIN, TCA_CERTAIN};
    tca_hold(j, tca_level(c, levels, TCA_BASIS_SILENCE), first->time_ns);
    j->actor = first->side;
    j->unit = "pkts";
    tca_say(j, "%u reset(s) with a number that the receiver did not accept; the connection went on.",
            (unsigned)j->value);
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
    for (unsigned at = 0; at < v->count; at++) {
        const struct tca_judgement *j = &v->judgement[at];
        if (is_cause(j->id) && j->frame_count && (!best || reads_before(v, j, best)))
            best = j;
    }
    return best ? tca_findings[best->id].id + strlen("rst_") : "";
}
