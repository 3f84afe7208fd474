/* SPDX-License-Identifier: MIT
 *
 * From a segment to events: what its sender did (proved), and what its receiver may have got (assumed).
 *
 *      1  the clocks run up to this segment
 *      2  copies of the capture itself are dropped; sequence space is accounted
 *      3  the sender steps: what it sent proves the state it was in; an assumption that this contradicts is
 * taken back 4  the receiver steps, if it would accept the segment 5  evidence is kept
 *
 * Two rules make the history settled. What an endpoint's own segment shows to have happened earlier (its ACK
 * of a FIN, the child that answers data) is dated at the segment that caused it, not at the one that told.
 * And a step that rests on "seen to pass" only stays as long as the endpoint does not contradict it: a
 * repeated SYN+ACK takes back ESTABLISHED, a repeated FIN takes back FIN_WAIT2 and CLOSED, unless the repeat
 * had left before the other could arrive.
 */
#include "base/seq32.h"
#include "mirror/clock.h"
#include "mirror/deviations.h"
#include "mirror/evidence.h"
#include "mirror/history.h"
#include "mirror/sequence.h"

#include <string.h>
#include <tcpautopsy/error.h>

/* One step in the making. */
struct step {
    struct tca_mirror *m;
    const struct tca_segment *seg;
    struct tca_side *from, *to;
    int from_role;
    struct tca_when when;
    struct tca_account account;
    enum tca_acceptance acceptance; /* by the receiver */
    struct tca_mark mark;
};

/* Round trip between the capture point and a side: a segment of that side that passes earlier than this after
 * something went towards it had left before it could know. */
static int64_t path_ns(const struct tca_mirror *m, int role)
{
    int64_t path = role == TCA_SERVER ? m->path_to_server_ns : m->ack_rtt_ns;
    return path > 0 ? path : 0;
}

static bool crossed(const struct tca_mirror *m, int role, int64_t towards_ns, int64_t now_ns)
{
    return now_ns <= towards_ns + path_ns(m, role) + TCA_MS;
}

static bool is_bare_syn(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_RST | TCA_FIN)) == TCA_SYN;
}

static bool is_synack(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_RST)) == (TCA_SYN | TCA_ACK);
}

static bool is_pure_ack(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_RST | TCA_FIN)) == TCA_ACK && !seg->len;
}

/* ---- learning from SYN and SYN+ACK ---- */

static void learn_options(struct tca_mirror *m, struct tca_side *from, const struct tca_segment *seg)
{
    const struct tca_options *opt = &seg->opt;
    if (opt->cut)
        m->damage |= TCA_DAMAGE_SNAPLEN;
    from->order_count = opt->order_count;
    memcpy(from->order, opt->order, sizeof from->order);
    from->has_mss = opt->has_mss;
    from->mss = opt->mss;
    from->has_wscale = opt->has_wscale;
    from->wscale = opt->wscale > 14 ? 14 : opt->wscale;
    from->sack_ok = opt->sack_ok;
    from->ts_on = opt->has_ts;
    from->tfo |= opt->has_tfo;
    from->tfo_cookie |= opt->has_tfo && opt->tfo_cookie_len;
}

/* Window scale and time stamps hold only if both offered them (RFC 7323 sections 2.2 and 3.2). */
static void settle_options(struct tca_mirror *m, const struct tca_segment *seg)
{
    struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    bool scale = client->has_wscale && server->has_wscale;
    for (int role = 0; role < 2; role++) {
        m->side[role].wscale_known = client->order_count || !scale ? !seg->opt.cut : false;
        if (!scale)
            m->side[role].wscale = 0;
    }
    if (!server->ts_on)
        client->ts_on = false;
}

static void learn_isn(struct tca_side *from, const struct tca_segment *seg)
{
    from->iss = seg->seq;
    from->iss_known = true;
    from->iss_inferred = false;
}

static void count_copy(struct tca_side *from, uint64_t *count, struct step *s)
{
    ++*count;
    s->mark.copy = *count > 255 ? 255 : (uint8_t)*count;
    from->syn_gap_ns = from->syn_last_ns >= 0 ? s->when.time_ns - from->syn_last_ns : 0;
    from->syn_last_ns = s->when.time_ns;
    from->syn_last_frame = s->when.frame;
}

/* ---- SYN ---- */

/* The passive side sends a bare SYN: it opens too (RFC 9293 figure 7), or splits its answer in two. */
static void passive_syn(struct step *s)
{
    s->m->server_syn_bare |= s->from_role == TCA_SERVER;
    bool split = s->from->acked_known && s->to->iss_known && s->from->acked == s->to->iss + 1;
    tca_history_step(s->from, split ? TCA_SENT_SYNACK : TCA_SENT_SYN, true, s->when);
}

static void step_syn(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    s->mark.roles |= TCA_MARK_SYN;
    if (!from->syn_count) {
        learn_isn(from, s->seg);
        learn_options(s->m, from, s->seg);
    }
    count_copy(from, &from->syn_count, s);
    bool opened = tca_history_has(from, TCA_SYN_SENT);
    if (s->from_role == TCA_SERVER && !opened)
        passive_syn(s);
    else if (tca_side_state(from) != TCA_SYN_SENT && tca_history_back_to(from, TCA_SYN_SENT))
        s->mark.refuting = true; /* H2: it has not got the SYN+ACK, or had not when it sent this */
    else if (!opened || !tca_history_top(from)->proved) /* an old copy of a SYN reopens nothing */
        tca_history_step(from, TCA_SENT_SYN, true, s->when);
    if (tca_side_state(to) == TCA_SYN_SENT)
        tca_history_step(to, TCA_GOT_SYN, false, s->when);
    else if (!to->step_count)
        to->alternative = TCA_SYN_RECV + 1; /* it may have arrived; only an answer tells */
}

/* ---- SYN+ACK ---- */

/* The copy of the SYN that a SYN+ACK answers: the one that TSecr names, else the last before it. */
static struct tca_when answered_syn(const struct step *s)
{
    struct tca_when best = {s->to->syn_last_ns, s->to->syn_last_frame};
    if (!s->seg->opt.has_ts)
        return best;
    struct tca_mark_walk walk = tca_mark_walk(s->m);
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        if ((mark->roles & TCA_MARK_SYN) && mark->side != s->from_role && mark->has_ts &&
            mark->tsval == s->seg->opt.tsecr)
            return (struct tca_when){mark->time_ns, mark->frame};
    return best;
}

static void time_synack(struct step *s, struct tca_when syn)
{
    struct tca_mirror *m = s->m;
    int64_t since_last_syn = s->to->syn_last_ns >= 0 ? s->when.time_ns - s->to->syn_last_ns : -1;
    if (m->first_synack_ns < 0) {
        m->first_synack_ns = s->when.time_ns;
        bool named = s->to->syn_count == 1 || s->seg->opt.has_ts;
        m->syn_rtt_ns = syn.frame && named ? s->when.time_ns - syn.time_ns : -1;
        m->path_to_server_ns =
            s->seg->opt.has_ts && syn.frame ? s->when.time_ns - syn.time_ns : since_last_syn;
    } else if (since_last_syn >= 0 && s->to->syn_count > 1) {
        bool first_after = m->prev_synack_ns < s->to->syn_last_ns;
        bool one_for_each = s->from->synack_count <= s->to->syn_count;
        s->mark.answers_syn =
            (first_after || one_for_each) && since_last_syn <= path_ns(m, TCA_SERVER) + 2 * TCA_MS;
    }
    m->prev_synack_ns = s->when.time_ns;
}

/* H1: the server repeats its SYN+ACK, so no ACK that could have arrived before has made a child. */
static void refute_open(struct step *s)
{
    struct tca_mirror *m = s->m;
    if (m->last_opener_ns < 0 || m->child_proved)
        return;
    if (crossed(m, s->from_role, m->first_ack_ns, s->when.time_ns)) {
        s->mark.crossing = true;
        return;
    }
    if (tca_history_back_to(s->from, TCA_SYN_RECV)) {
        s->mark.refuting = true;
        m->open_refuted = true;
        m->ack_ignored_count = m->acks_since_synack;
    }
}

static void synack_of_opener(struct step *s)
{
    /* The side that had sent a SYN answers the other's: simultaneous open, or the last part of a split one.
     */
    const struct tca_step *top = tca_history_top(s->from);
    s->m->client_synack |= s->from_role == TCA_CLIENT;
    bool got_synack = top && top->event == TCA_GOT_SYNACK && !top->proved;
    if (got_synack)
        tca_history_pop(s->from); /* it answers the SYN first: figure 7 */
    if (tca_side_state(s->from) == TCA_SYN_RECV)
        tca_history_prove(s->from);
    else
        tca_history_step(s->from, TCA_SENT_SYNACK, true, s->when);
    if (got_synack)
        tca_history_step(s->from, TCA_GOT_SYNACK, false, s->when);
}

/* A side that was thought closed answers a SYN: the reset had not arrived, the clock was wrong, or it opens
 * anew. */
static void reopened_synack(struct step *s)
{
    struct tca_side *from = s->from;
    if (from->synack_count && s->seg->seq == from->iss && !tca_history_top(from)->proved) {
        tca_history_pop(from);
        s->mark.refuting = true;
        return;
    }
    struct tca_when syn = answered_syn(s);
    if (s->seg->seq != from->iss && !from->bytes) {
        from->snd_nxt = s->seg->seq + 1;
        from->hole_count = 0;
    }
    learn_isn(from, s->seg);
    tca_history_step(from, TCA_SENT_SYNACK, true, syn.frame ? syn : s->when);
}

static void server_synack(struct step *s)
{
    struct tca_side *from = s->from;
    if (!from->step_count || tca_side_state(from) == TCA_UNKNOWN) {
        struct tca_when syn = answered_syn(s);
        tca_history_step(from, TCA_GOT_SYN, true, syn.frame ? syn : s->when);
    } else if (tca_history_has(from, TCA_SYN_SENT)) {
        synack_of_opener(s);
    } else if (tca_side_state(from) == TCA_CLOSED || tca_side_state(from) == TCA_LISTEN) {
        reopened_synack(s);
    } else if (from->synack_count) {
        refute_open(s);
    }
}

static void infer_client_syn(struct step *s)
{
    if (s->to->iss_known)
        return;
    s->to->iss = s->seg->ack - 1;
    s->to->iss_known = s->to->iss_inferred = true;
    if (!s->to->nxt_known) {
        s->to->nxt_known = true;
        s->to->snd_nxt = s->seg->ack;
    }
    s->m->damage |= TCA_DAMAGE_START_CUT;
    tca_history_step(s->to, TCA_SENT_SYN, true, s->when);
}

static void step_synack(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    s->mark.roles |= TCA_MARK_SYNACK;
    infer_client_syn(s);
    bool acks_syn = seq_after(s->seg->ack, to->iss) && seq_before_eq(s->seg->ack, to->snd_nxt);
    if (!from->synack_count && !from->syn_count) {
        learn_isn(from, s->seg);
        learn_options(s->m, from, s->seg);
        settle_options(s->m, s->seg);
    }
    struct tca_when syn = answered_syn(s);
    if (s->from_role == TCA_SERVER)
        server_synack(s);
    else
        synack_of_opener(s);
    int64_t rung_gap_ns = from->syn_gap_ns;
    count_copy(from, &from->synack_count, s);
    if (!acks_syn)
        return;
    if (s->from_role == TCA_SERVER)
        time_synack(s, syn);
    if (s->mark.answers_syn)
        from->syn_gap_ns = rung_gap_ns; /* no rung: it re-arms the timer as it stood (tcp_check_req) */
    const struct tca_step *top = tca_history_top(to);
    if (top && top->event == TCA_TIMER_USER)
        tca_history_pop(to); /* its ladder was slower than ours */
    enum tca_state state = tca_side_state(to);
    if (state == TCA_SYN_SENT || (state == TCA_SYN_RECV && tca_history_has(to, TCA_SYN_SENT)))
        tca_history_step(to, TCA_GOT_SYNACK, false, s->when);
}

/* ---- the client's ACK, and the server's child ---- */

static void note_opener(struct step *s)
{
    struct tca_mirror *m = s->m;
    m->acks_since_synack++;
    s->mark.roles |= TCA_MARK_OPEN_ACK;
    s->mark.ordinal = (uint32_t)m->acks_since_synack;
    m->opener[(m->acks_since_synack - 1) % TCA_OPENERS_MAX] = (struct tca_opener){
        .time_ns = s->when.time_ns, .frame = s->when.frame, .len = s->seg->len, .ordinal = s->mark.ordinal};
    m->last_opener_ns = s->when.time_ns;
    if (m->first_ack_ns >= 0)
        return;
    m->first_ack_ns = s->when.time_ns;
    m->first_ack_frame = s->when.frame;
    if (m->side[TCA_SERVER].synack_count == 1)
        m->ack_rtt_ns = s->when.time_ns - m->first_synack_ns;
}

/* The segment that created the child. A child acknowledges payload at once, at the latest after the delayed
 * ACK: payload that stayed without an answer for longer found none. So it is the first segment after the
 * newest such payload, and after the newest SYN+ACK. */
static const struct tca_opener *creator(const struct step *s)
{
    const struct tca_mirror *m = s->m;
    uint64_t kept = m->acks_since_synack < TCA_OPENERS_MAX ? m->acks_since_synack : TCA_OPENERS_MAX;
    int64_t answered_ns = s->when.time_ns - path_ns(m, TCA_SERVER) - TCA_DELAYED_ACK_NS;
    const struct tca_opener *first = NULL;
    for (uint64_t back = 0; back < kept; back++) {
        const struct tca_opener *one = &m->opener[(m->acks_since_synack - 1 - back) % TCA_OPENERS_MAX];
        if (one->time_ns < s->from->syn_last_ns || (one->len && first && one->time_ns < answered_ns))
            break;
        first = one;
    }
    return first;
}

static void child_proved(struct step *s)
{
    struct tca_mirror *m = s->m;
    s->mark.roles |= TCA_MARK_CHILD;
    m->child_proved = true;
    m->child_ns = m->first_ack_ns;
    m->child_frame = m->first_ack_frame;
    if (m->open_refuted) {
        const struct tca_opener *one = creator(s);
        if (one) {
            m->child_ns = one->time_ns;
            m->child_frame = one->frame;
            m->ack_ignored_count = one->ordinal - 1;
        }
    }
    struct tca_when when = m->child_ns >= 0 ? (struct tca_when){m->child_ns, m->child_frame} : s->when;
    if (m->child_ns < 0) {
        m->child_ns = s->when.time_ns;
        m->child_frame = s->when.frame;
    }
    tca_history_step(s->from, TCA_GOT_ACK_OF_SYN, true, when);
    for (unsigned at = 0; at < s->from->step_count && s->from->step[at].state <= TCA_ESTABLISHED; at++)
        s->from->step[at].proved = true;
}

/* A request answers out-of-window segments and foreign SYNs with a bare ACK of IP ID 0 (tcp_check_req,
 * since 6.1): that is no child. Without an IP ID a bare ACK that acknowledges nothing new proves nothing
 * either. */
static bool may_be_request(const struct step *s)
{
    return is_pure_ack(s->seg) && s->seg->ack == s->to->iss + 1 && (!s->seg->has_ip_id || s->seg->ip_id == 0);
}

/* A fast-open child may send before the third ACK (RFC 7413 section 4.2.2). */
static bool fast_open_child(const struct step *s)
{
    return s->to->tfo && s->m->first_ack_ns < 0;
}

/* ---- ordinary segments: the sender ---- */

/* The side had not been seen in any state: it answers a SYN without SYN+ACK, or the capture has a gap. */
static void unknown_sender(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!from->step_count && to->iss_known && !to->iss_inferred && !to->acked_known) {
        if (s->seg->ack != to->iss + 1)
            s->mark.roles |= TCA_MARK_CHALLENGE; /* old numbers: an older connection, or TIME_WAIT, speaks */
        if (is_pure_ack(s->seg))
            return; /* challenge, or the first half of a split answer */
    }
    if (from->step_count && tca_side_state(from) != TCA_UNKNOWN)
        return;
    if (to->acked_known || s->seg->len || (s->seg->flags & TCA_FIN) || s->m->damage & TCA_DAMAGE_START_CUT) {
        if (!(s->seg->flags & TCA_FIN)) /* a FIN shows more: see sender_fin */
            tca_history_step(from, TCA_SENT_OPEN, true, s->when);
        if (tca_side_state(to) == TCA_SYN_SENT)
            s->m->damage |= TCA_DAMAGE_GAP;
    }
}

static void syn_sent_sender(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!(s->seg->flags & TCA_ACK) || (to->iss_known && seq_before_eq(s->seg->ack, to->iss)))
        return;
    if (!to->iss_known) {
        to->iss = s->seg->ack - 1;
        to->iss_known = to->iss_inferred = true;
        s->m->damage |= TCA_DAMAGE_GAP;
    }
    struct tca_when when =
        to->synack_count ? (struct tca_when){to->syn_last_ns, to->syn_last_frame} : s->when;
    tca_history_step(from, TCA_GOT_SYNACK, true, when);
    if (!to->step_count)
        tca_history_step(to, TCA_GOT_SYN, true, s->when);
}

static void syn_recv_sender(struct step *s)
{
    if (s->from_role == TCA_CLIENT || tca_history_has(s->from, TCA_SYN_SENT)) {
        /* simultaneous open: its own ACK proves that it is through */
        if (s->seg->flags & TCA_ACK)
            tca_history_step(s->from, TCA_GOT_ACK_OF_SYN, true, s->when);
        return;
    }
    if (may_be_request(s))
        s->mark.roles |= TCA_MARK_CHALLENGE;
    else if (!fast_open_child(s))
        child_proved(s);
}

/* It goes on sending: what closed it was not so. */
static void closed_sender(struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_step *top = tca_history_top(from);
    enum tca_event event = (enum tca_event)top->event;
    if (event == TCA_SENT_RST) {
        s->mark.roles |= TCA_MARK_AFTER_RST; /* the RST was not its own, or another stack answers for it */
        tca_history_pop(from);
        s->mark.refuting = true;
    } else if (!top->proved && !crossed(s->m, s->from_role, top->time_ns, s->when.time_ns)) {
        bool last_ack = from->step_count > 1 && from->step[from->step_count - 2].state == TCA_LAST_ACK;
        if (event == TCA_GOT_ACK_OF_FIN && last_ack && !(s->seg->flags & TCA_FIN))
            return;
        tca_history_pop(from);
        s->mark.refuting = true;
        from->rst_survived |= event == TCA_GOT_RST && tca_side_state(from) == TCA_TIME_WAIT;
    }
}

/* The ACK of the FIN rides on payload or on a FIN: whoever acknowledges that has got the ACK as well. */
static void note_carried_ack(struct step *s)
{
    /* Only what was never sent before: of a repeat the first copy may have arrived, without that ACK. */
    bool first_fin = (s->seg->flags & TCA_FIN) && !s->from->fin_sent;
    if (s->from->fin_ack_carried || !(s->account.new_bytes || first_fin))
        return;
    s->from->fin_ack_carried = true;
    s->from->fin_ack_end = tca_segment_end(s->seg);
}

static void proves_fin_acked(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!from->fin_sent || !to->fin_ack_carried || seq_before(s->seg->ack, to->fin_ack_end))
        return;
    tca_history_step(from, TCA_GOT_ACK_OF_FIN, true, (struct tca_when){to->recent.time_ns, to->recent.frame});
    if (tca_side_state(from) == TCA_FIN_WAIT2)
        tca_history_prove(from);
}

/* Place of the newest assumed step of this event, or -1. */
static int assumed_at(const struct tca_side *side, enum tca_event event)
{
    int at = side->step_count - 1;
    while (at >= 0 && !side->step[at].proved && side->step[at].event != event)
        at--;
    return at >= 0 && !side->step[at].proved ? at : -1;
}

/* Could the FIN not have reached this sender yet? After its own FIN a bare ACK answers something that
 * arrived, so there the path alone is the measure, without the margin for a busy host. */
static bool fin_under_way(const struct step *s, const struct tca_step *got)
{
    if (got->state == TCA_CLOSING && is_pure_ack(s->seg) && path_ns(s->m, s->from_role))
        return s->when.time_ns <= got->time_ns + 2 * path_ns(s->m, s->from_role);
    return crossed(s->m, s->from_role, got->time_ns, s->when.time_ns);
}

/* Every segment carries RCV.NXT: one that does not cover a FIN that could have arrived says that it had not.
 * That its own FIN was acknowledged meanwhile stays. */
static void denies_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    int at = assumed_at(from, TCA_GOT_FIN), acked = assumed_at(from, TCA_GOT_ACK_OF_FIN);
    if (!to->fin_sent || !(s->seg->flags & TCA_ACK) || seq_after(s->seg->ack, to->fin_seq) || at < 1 ||
        fin_under_way(s, &from->step[at]))
        return;
    struct tca_step ack = {.event = TCA_EVENT_NONE};
    if (acked > at)
        ack = from->step[acked];
    while (from->step_count > at)
        tca_history_pop(from);
    if (acked > at)
        tca_history_step(from, TCA_GOT_ACK_OF_FIN, false, (struct tca_when){ack.time_ns, ack.frame});
    s->mark.refuting = true;
}

/* Its acknowledgment covers the peer's FIN: it has got it, at the last copy seen before. */
static void acknowledges_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!to->fin_sent || !(s->seg->flags & TCA_ACK) || seq_before_eq(s->seg->ack, to->fin_seq))
        return;
    if (!to->fin_acked_by_peer || (to->recent.flags & TCA_FIN))
        s->mark.roles |= TCA_MARK_FIN_ACK;
    to->fin_acked_by_peer = true;
    if (to->fin_acked_ns < 0)
        to->fin_acked_ns = s->when.time_ns;
    note_carried_ack(s);
    struct tca_when when = {to->fin_last_ns, to->fin_last_frame};
    tca_history_step(from, TCA_GOT_FIN, true, when);
    enum tca_state state = tca_side_state(from);
    if (state == TCA_CLOSE_WAIT || state == TCA_CLOSING || state == TCA_TIME_WAIT)
        tca_history_prove(from);
    if (state == TCA_TIME_WAIT)
        from->timer_ns = s->when.time_ns;
}

/* A first FIN. If it does not acknowledge a FIN that had passed towards it, it was sent before that arrived.
 */
static void first_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    bool knows_peer_fin = to->fin_sent && seq_after(s->seg->ack, to->fin_seq);
    bool assumed_fin = to->fin_sent && !knows_peer_fin && tca_side_state(from) == TCA_CLOSE_WAIT;
    if (assumed_fin && !tca_history_top(from)->proved)
        tca_history_pop(from);
    else
        assumed_fin = false;
    tca_history_step(from, TCA_SENT_FIN, true, s->when);
    if (assumed_fin)
        tca_history_step(from, TCA_GOT_FIN, false, s->when);
    from->fin_sent = true;
    if (s->m->first_fin > TCA_SERVER)
        s->m->first_fin = (uint8_t)s->from_role;
}

static bool fin_was_acked(const struct tca_step *top)
{
    return top->state == TCA_FIN_WAIT2 || top->state == TCA_TIME_WAIT || top->state == TCA_CLOSED;
}

/* H3, H4: it repeats its FIN, so the acknowledgment that was seen had not reached it. */
static void repeated_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    bool acked_late =
        from->fin_acked_ns >= 0 && crossed(s->m, s->from_role, from->fin_acked_ns, s->when.time_ns);
    const struct tca_step *top = tca_history_top(from);
    while (!acked_late && top && !top->proved && fin_was_acked(top)) {
        tca_history_pop(from);
        s->mark.refuting = true;
        top = tca_history_top(from);
        from->fin_acked_ns = -1;
    }
    /* The peer has shown no sign of the FIN: the earlier copy may not have arrived; this one may. */
    if (!from->fin_acked_by_peer && tca_side_state(to) == TCA_CLOSE_WAIT && !tca_history_top(to)->proved)
        tca_history_pop(to);
}

static void sender_fin(struct step *s)
{
    struct tca_side *from = s->from;
    if (!(s->seg->flags & TCA_FIN) || (from->fin_sent && s->seg->seq + s->seg->len != from->fin_seq))
        return;
    if (s->account.foreign || s->acceptance == TCA_REJECT_CHECKSUM)
        return; /* not of this connection, or not what was sent */
    s->mark.roles |= TCA_MARK_FIN;
    from->fin_count++;
    s->mark.copy = from->fin_count > 255 ? 255 : (uint8_t)from->fin_count;
    if (!from->fin_sent)
        first_fin(s);
    else
        repeated_fin(s);
    from->fin_gap_ns = from->fin_last_ns >= 0 ? s->when.time_ns - from->fin_last_ns : 0;
    from->fin_last_ns = s->when.time_ns;
    from->fin_last_frame = s->when.frame;
}

/* A bare ACK with the numbers of the side's last segment, right after something that it could not take. */
static void challenge_role(struct step *s)
{
    const struct tca_mark *asked = &s->to->recent, *last = &s->from->recent;
    if (!is_pure_ack(s->seg) || !asked->frame || !last->frame ||
        s->seg->time_ns - asked->time_ns > TCA_SECOND)
        return;
    bool odd_rst =
        (asked->flags & TCA_RST) && asked->rst_fit != TCA_RST_EXACT && asked->rst_fit != TCA_RST_BLIND;
    bool unchanged = (last->flags & TCA_ACK) && s->seg->ack == last->ack;
    if (((asked->flags & TCA_SYN) || odd_rst) && unchanged &&
        tca_state_synchronized((enum tca_state)s->mark.sender_state))
        s->mark.roles |= TCA_MARK_CHALLENGE;
}

/* Only a full socket of the server sends this: its child exists. */
static bool shows_child(const struct step *s)
{
    return s->from_role == TCA_SERVER && !s->m->child_proved && s->from->synack_count && !may_be_request(s) &&
           !fast_open_child(s) && !tca_history_has(s->from, TCA_SYN_SENT);
}

static void sender_in_state(struct step *s)
{
    switch (tca_side_state(s->from)) {
    case TCA_UNKNOWN:
    case TCA_LISTEN:
        unknown_sender(s);
        break;
    case TCA_SYN_SENT:
        syn_sent_sender(s);
        break;
    case TCA_SYN_RECV:
        syn_recv_sender(s);
        break;
    default:
        if (shows_child(s))
            child_proved(s);
        else if (tca_side_state(s->from) == TCA_ESTABLISHED && tca_history_has(s->from, TCA_SYN_SENT))
            tca_history_prove(s->from);
        break;
    }
}

static void step_sender(struct step *s)
{
    if (tca_side_state(s->from) == TCA_CLOSED)
        closed_sender(s);
    if (tca_side_state(s->from) != TCA_CLOSED)
        sender_in_state(s);
    denies_fin(s);
    acknowledges_fin(s);
    proves_fin_acked(s);
    sender_fin(s);
}

/* ---- ordinary segments: the receiver ---- */

static void receiver_opens(struct step *s)
{
    struct tca_side *to = s->to;
    /* A request wants ISS+1 exactly; the child of a fast open is a full socket and has sent more. */
    bool exact = s->seg->ack == to->iss + 1;
    bool fast_open =
        s->from->tfo && seq_after(s->seg->ack, to->iss) && seq_before_eq(s->seg->ack, to->snd_nxt);
    if (tca_side_state(to) != TCA_SYN_RECV || !(s->seg->flags & TCA_ACK) || !(exact || fast_open))
        return;
    /* Once refuted, an ACK alone convinces nobody: only what the server does next. */
    if (s->from_role == TCA_CLIENT && s->m->open_refuted)
        to->alternative = TCA_ESTABLISHED + 1;
    else
        tca_history_step(to, TCA_GOT_ACK_OF_SYN, false, s->when);
}

static void receiver_fin_acked(struct step *s)
{
    struct tca_side *to = s->to;
    if (to->fin_sent && (s->seg->flags & TCA_ACK) && seq_after(s->seg->ack, to->fin_seq))
        tca_history_step(to, TCA_GOT_ACK_OF_FIN, false, s->when);
}

static void receiver_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    /* A FIN beyond a hole waits until the hole is filled. */
    if (!from->fin_sent || !((s->seg->flags & TCA_FIN) || s->account.new_bytes))
        return;
    bool in_order = seq_after(tca_sequence_contiguous(from), from->fin_seq) ||
                    (to->acked_known && seq_after_eq(to->acked, from->fin_seq));
    if (in_order && tca_state_synchronized(tca_side_state(to)))
        tca_history_step(to, TCA_GOT_FIN, false, s->when);
    else if (in_order && tca_side_state(to) == TCA_UNKNOWN && to->step_count)
        tca_history_step(to, TCA_GOT_FIN, false, s->when);
}

/* TIME_WAIT is restarted by everything with an ACK that it answers, not by a bare SYN. */
static void receiver_time_wait(struct step *s)
{
    if (s->mark.receiver_state != TCA_TIME_WAIT)
        return;
    s->mark.roles |= TCA_MARK_IN_TIME_WAIT;
    if ((s->seg->flags & TCA_ACK) && !(s->seg->flags & (TCA_RST | TCA_SYN)) &&
        tca_side_state(s->to) == TCA_TIME_WAIT)
        s->to->timer_ns = s->when.time_ns;
}

static void receiver_late_data(struct step *s)
{
    if (!s->to->fin_sent || !s->seg->len)
        return;
    if (s->account.new_bytes)
        s->mark.roles |= TCA_MARK_LATE_DATA;
}

static void step_receiver(struct step *s)
{
    receiver_time_wait(s);
    receiver_late_data(s);
    if (s->acceptance != TCA_ACCEPTED || s->account.foreign)
        return;
    receiver_opens(s);
    receiver_fin_acked(s);
    receiver_fin(s);
}

static bool after_synack(const struct step *s)
{
    return s->from_role == TCA_CLIENT && s->m->first_synack_ns >= 0 && !s->m->child_proved &&
           tca_side_state(&s->m->side[TCA_SERVER]) != TCA_CLOSED;
}

static void half_close_used(struct step *s)
{
    struct tca_side *from = s->from;
    if (from->fin_sent && (s->seg->flags & TCA_ACK) && s->to->recent.len &&
        (s->to->recent.roles & TCA_MARK_LATE_DATA) && seq_after(s->seg->ack, s->to->recent.seq))
        from->close_used = true;
}

static void step_ordinary(struct step *s)
{
    if ((s->seg->flags & TCA_ACK) && after_synack(s))
        note_opener(s);
    half_close_used(s);
    challenge_role(s);
    step_sender(s);
    step_receiver(s);
    if (s->account.new_bytes && s->from->bytes == s->account.new_bytes)
        s->mark.roles |= TCA_MARK_FIRST_DATA;
    if (s->account.retransmitted)
        s->mark.roles |= TCA_MARK_DATA_RETX;
    if (s->account.keepalive)
        s->mark.roles |= TCA_MARK_KEEPALIVE;
}

/* ---- RST ---- */

/* RFC 9293 section 3.10.7.3: a side in SYN_SENT answers an unacceptable ACK with an RST and keeps its state.
 */
static bool rst_of_bad_ack(const struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    return tca_side_state(s->from) == TCA_SYN_SENT && !(s->seg->flags & TCA_ACK) && trigger->frame &&
           (trigger->flags & TCA_ACK) && trigger->ack == s->seg->seq && trigger->ack != s->from->iss + 1;
}

/* The RST of a host that has no child: the request is gone, no established state was ever left. */
static bool rst_of_request(const struct step *s)
{
    return s->from_role == TCA_SERVER && !s->m->child_proved && s->from->synack_count &&
           !(s->seg->flags & TCA_ACK) && s->seg->seq == s->from->iss + 1;
}

/* What a host without a socket answers to a SYN (RFC 9293 section 3.5.2, group 1): its number is 0, by chance
 * also that of a connection, so the trigger decides. */
static bool rst_of_syn(const struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    return !s->seg->seq && (s->seg->flags & TCA_ACK) && trigger->frame &&
           (trigger->flags & (TCA_SYN | TCA_ACK)) == TCA_SYN &&
           s->seg->ack == trigger->seq + trigger->len + 1;
}

/* A bare RST answers a segment that found no socket: the FIN that it carried was never taken. */
static void refute_trigger(struct step *s)
{
    const struct tca_mark *trigger = &s->to->recent;
    const struct tca_step *top = tca_history_top(s->from);
    if (!(s->seg->flags & TCA_ACK) && trigger->frame && trigger->ack == s->seg->seq && top && !top->proved &&
        top->event == TCA_GOT_FIN && top->frame == trigger->frame)
        tca_history_pop(s->from);
}

static void rst_sender(struct step *s)
{
    if (rst_of_bad_ack(s))
        return;
    refute_trigger(s);
    if (rst_of_request(s)) {
        tca_history_back_to(s->from, TCA_SYN_RECV);
        tca_clock_request_rst(s->m, s->when.time_ns);
    } else if (s->from_role == TCA_SERVER && !s->m->child_proved && s->from->synack_count) {
        if (!rst_of_syn(s) && (s->seg->seq == s->from->iss + 1 || s->from->bytes))
            child_proved(s); /* an active RST comes from a full socket */
        else
            tca_history_back_to(s->from, TCA_SYN_RECV);
    } else if (s->from_role == TCA_CLIENT && tca_side_state(s->from) == TCA_ESTABLISHED) {
        if (s->seg->flags & TCA_ACK)
            tca_history_prove(s->from);
        else
            tca_history_back_to(s->from, TCA_SYN_SENT); /* it has no such socket */
    }
    if (!s->from->step_count)
        tca_history_enter(s->from, TCA_CLOSED, TCA_SENT_RST, true, s->when);
    else
        tca_history_step(s->from, TCA_SENT_RST, true, s->when);
    const struct tca_step *top = tca_history_top(s->from);
    if (top->state == TCA_CLOSED && !top->proved)
        tca_history_prove(s->from);
}

static void rst_receiver(struct step *s)
{
    struct tca_side *to = s->to;
    if (s->mark.rst_fit != TCA_RST_EXACT && s->mark.rst_fit != TCA_RST_BLIND)
        return;
    if (tca_side_state(to) == TCA_TIME_WAIT && to->rst_survived)
        return;
    /* RFC 9293 section 3.10.7.4: back to LISTEN only for a passive open. */
    if (tca_side_state(to) == TCA_SYN_RECV && tca_history_has(to, TCA_SYN_SENT))
        tca_history_enter(to, TCA_CLOSED, TCA_GOT_RST, false, s->when);
    else if (to->step_count)
        tca_history_step(to, TCA_GOT_RST, false, s->when);
}

static int step_rst(struct tca_mirror_context *ctx, struct step *s)
{
    s->mark.roles |= TCA_MARK_RST;
    s->mark.rst_fit = (uint8_t)tca_sequence_rst_fit(s->from, s->to, s->seg);
    s->from->rst_count++;
    if (s->m->first_rst > TCA_SERVER)
        s->m->first_rst = (uint8_t)s->from_role;
    if (s->mark.receiver_state == TCA_TIME_WAIT)
        s->mark.roles |= TCA_MARK_IN_TIME_WAIT;
    rst_receiver(s);
    rst_sender(s);
    return tca_evidence_add_role(ctx, s->m, &s->to->recent, TCA_MARK_TRIGGER);
}

/* ---- every segment ---- */

/* The capture holds the same segment twice (mirror port, two interfaces): equal in everything, a moment
 * apart. The IP ID tells; where it is 0 or absent only segments that carry something are compared, and more
 * strictly. */
static bool same_segment(const struct tca_seen *seen, const struct tca_segment *seg)
{
    if (!seen->used || seen->seq != seg->seq || seen->ack != seg->ack || seen->flags != seg->flags ||
        seen->len != seg->len || seen->window != seg->window || seen->tsval != seg->opt.tsval ||
        seen->ip_id != seg->ip_id)
        return false;
    int64_t apart = seg->time_ns - seen->time_ns;
    if (seg->has_ip_id && seg->ip_id)
        return apart < 20 * TCA_MS;
    bool carries = seg->len || (seg->flags & (TCA_SYN | TCA_FIN | TCA_RST));
    /* Neither a SYN nor a FIN is repeated that soon; payload may be, so there the time stamp must agree. */
    bool slow = seg->flags & (TCA_SYN | TCA_FIN);
    return carries && (seg->opt.has_ts || slow) && apart < 5 * TCA_MS;
}

static bool is_capture_copy(struct tca_side *from, const struct tca_segment *seg)
{
    for (unsigned at = 0; at < TCA_SEEN_MAX; at++)
        if (same_segment(&from->seen[at], seg))
            return true;
    from->seen[from->seen_next++ % TCA_SEEN_MAX] = (struct tca_seen){.time_ns = seg->time_ns,
                                                                     .seq = seg->seq,
                                                                     .ack = seg->ack,
                                                                     .len = seg->len,
                                                                     .tsval = seg->opt.tsval,
                                                                     .flags = seg->flags,
                                                                     .window = seg->window,
                                                                     .ip_id = seg->ip_id,
                                                                     .used = true};
    return false;
}

static void count_segment(struct tca_side *from, const struct tca_segment *seg)
{
    from->pkts++;
    if (from->first_ns < 0)
        from->first_ns = seg->time_ns;
    from->last_ns = seg->time_ns;
    from->last_frame = seg->frame;
    from->ttl = seg->ttl;
    from->last_ip_id = seg->ip_id;
}

static void count_zero_window(struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_segment *seg = s->seg;
    if (!(seg->flags & TCA_ACK) || (seg->flags & (TCA_RST | TCA_SYN)))
        return;
    if (!seg->window && !from->zero_open) {
        from->zero_open = true;
        from->zero_since_ns = seg->time_ns;
        s->mark.roles |= TCA_MARK_ZERO_WINDOW;
    } else if (seg->window && from->zero_open) {
        from->zero_open = false;
        from->zero_ns += seg->time_ns - from->zero_since_ns;
    }
}

static void note_damage(struct tca_mirror *m, const struct tca_segment *seg)
{
    if (seg->time_ns < m->last_ns)
        m->damage |= TCA_DAMAGE_REORDER;
    if (seg->offload || (m->side[0].has_mss && seg->len > 2u * 65535u))
        m->damage |= TCA_DAMAGE_OFFLOAD;
    const struct tca_side *client = &m->side[TCA_CLIENT];
    if (client->has_mss && m->side[TCA_SERVER].has_mss && seg->len > 65535u / 2 && seg->len > client->mss)
        m->damage |= TCA_DAMAGE_OFFLOAD;
}

static int dispatch(struct tca_mirror_context *ctx, struct step *s)
{
    if (s->seg->flags & TCA_RST)
        return step_rst(ctx, s);
    if (is_bare_syn(s->seg))
        step_syn(s);
    else if (is_synack(s->seg))
        step_synack(s);
    else
        step_ordinary(s);
    return TCA_OK;
}

int tca_mirror_step(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                    int from)
{
    struct step s = {.m = m,
                     .seg = seg,
                     .from = &m->side[from],
                     .to = &m->side[1 - from],
                     .from_role = from,
                     .when = {seg->time_ns, seg->frame}};
    tca_mirror_clock(m, seg->time_ns);
    note_damage(m, seg);
    s.from->good_checksum |= seg->checksum == TCA_CHECKSUM_GOOD || ctx->strict_checksums;
    m->last_frame = seg->frame;
    if (seg->time_ns > m->last_ns)
        m->last_ns = seg->time_ns;
    if (is_capture_copy(s.from, seg)) {
        s.from->pkts++;
        s.from->capture_copies++;
        m->damage |= TCA_DAMAGE_DUP;
        return TCA_OK;
    }
    s.mark = tca_mark_of(m, seg, from);
    s.acceptance = tca_sequence_accept(s.from, s.to, seg);
    s.account = tca_sequence_account(m, seg, from);
    s.mark.new_data = s.account.new_bytes > 0;
    int error = dispatch(ctx, &s);
    if (error)
        return error;
    count_zero_window(&s);
    count_segment(s.from, seg);
    if (s.account.new_bytes) {
        s.from->last_data_ns = seg->time_ns;
        if (s.from->first_data_ns < 0)
            s.from->first_data_ns = seg->time_ns;
    }
    s.from->recent = s.mark;
    return tca_evidence_keep(ctx, m, &s.mark);
}

/* ---- begin, end, and what is not a segment of this flow ---- */

static void side_begin(struct tca_side *side)
{
    side->ts_recent_ns = side->first_ns = side->last_ns = side->first_data_ns = side->last_data_ns = -1;
    side->syn_last_ns = side->fin_last_ns = side->fin_acked_ns = -1;
}

void tca_mirror_begin(struct tca_mirror *m, const struct tca_segment *first)
{
    memset(m, 0, sizeof *m);
    side_begin(&m->side[TCA_CLIENT]);
    side_begin(&m->side[TCA_SERVER]);
    m->start_ns = m->last_ns = first->time_ns;
    m->first_frame = first->frame;
    m->syn_rtt_ns = m->ack_rtt_ns = m->path_to_server_ns = -1;
    m->first_synack_ns = m->first_ack_ns = m->child_ns = m->last_opener_ns = m->prev_synack_ns = -1;
    m->first_fin = m->first_rst = 2;
    m->end_ns = m->prior.time_wait_ns = -1;
    if ((first->flags & TCA_SYN) && !(first->flags & TCA_RST))
        return;
    m->damage |= TCA_DAMAGE_START_CUT;
    for (int role = 0; role < 2; role++)
        tca_history_enter(&m->side[role], TCA_UNKNOWN, TCA_EVENT_NONE, true,
                          (struct tca_when){first->time_ns, first->frame});
}

int tca_mirror_witness(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                       int from)
{
    struct tca_mark mark = tca_mark_of(m, seg, from);
    mark.witness = true;
    mark.roles = (seg->flags & TCA_RST) ? TCA_MARK_RST : TCA_MARK_CHALLENGE;
    return tca_evidence_keep(ctx, m, &mark);
}

enum { ICMP_UNREACHABLE = 3, FRAG_NEEDED = 4, ICMP6_UNREACHABLE = 1 };

int tca_mirror_icmp(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *quote,
                    int from, bool from_peer)
{
    struct tca_mark mark = tca_mark_of(m, quote, from);
    mark.roles = TCA_MARK_ICMP;
    mark.icmp_from_peer = from_peer;
    bool unreachable = quote->family == 4
                           ? quote->icmp_type == ICMP_UNREACHABLE && quote->icmp_code != FRAG_NEEDED
                           : quote->icmp_type == ICMP6_UNREACHABLE;
    struct tca_side *side = &m->side[from];
    if (unreachable && tca_side_state(side) == TCA_SYN_SENT && quote->seq == side->iss)
        tca_history_step(side, TCA_GOT_UNREACHABLE, false, (struct tca_when){quote->time_ns, quote->frame});
    m->last_frame = quote->frame;
    if (quote->time_ns > m->last_ns)
        m->last_ns = quote->time_ns;
    return tca_evidence_keep(ctx, m, &mark);
}

static uint64_t missed(const struct tca_side *side, const struct tca_side *peer)
{
    uint64_t bytes = 0;
    for (unsigned at = 0; at < side->hole_count; at++)
        if (peer->acked_known && seq_before_eq(side->hole[at].to, peer->acked))
            bytes += side->hole[at].to - side->hole[at].from;
    return bytes;
}

int tca_mirror_finish(struct tca_mirror_context *ctx, struct tca_mirror *m)
{
    m->ended = true;
    for (int role = 0; role < 2; role++) {
        struct tca_side *side = &m->side[role];
        side->missed_bytes = missed(side, &m->side[1 - role]);
        if (side->missed_bytes)
            m->damage |= TCA_DAMAGE_GAP;
        if (side->zero_open)
            side->zero_ns += m->last_ns - side->zero_since_ns;
        if (!side->pkts)
            m->damage |= TCA_DAMAGE_ONE_WAY;
        int error = tca_evidence_add_role(ctx, m, &side->recent, TCA_MARK_LAST);
        if (error)
            return error;
    }
    return TCA_OK;
}
