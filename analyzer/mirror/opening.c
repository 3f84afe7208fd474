/* SPDX-License-Identifier: MIT
 *
 * Opening: SYN, SYN+ACK, the acknowledgment that makes the server's child, and the proof that it was made.
 *
 * The server's child is the hard part. The client's ACK passing the tap is no proof; a repeated SYN+ACK
 * refutes it, and whatever only a full socket sends proves it. What created it is found afterwards: see
 * creator().
 */
#include "base/seq32.h"
#include "mirror/step.h"

#include <string.h>

/* Repetitions in vain after which payload counts as refused. */
enum { REFUSALS_MIN = 3, TIMESTAMP_KIND = 8 };
/* A SYN this soon behind its answer is the one that was answered: none is sent twice within it. */
#define TCA_OVERTAKEN_NS (50 * TCA_MS)

/* ---- learning from SYN and SYN+ACK ---- */

static void learn_options(struct tca_mirror *m, struct tca_side *from, const struct tca_segment *seg)
{
    const struct tca_options *opt = &seg->opt;
    from->opt_cut = opt->cut;
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

/* Window scale and time stamps hold only if both offered them (RFC 7323 sections 2.2 and 3.2). Of a SYN that was not
 * captured the answer tells: it scales only what asked for it, and not by how much. */
static void settle_options(struct tca_mirror *m, const struct tca_segment *seg)
{
    struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    bool unseen = !client->syn_count && !client->synack_count;
    bool scale = server->has_wscale && (client->has_wscale || unseen);
    for (int role = 0; role < 2; role++) {
        m->side[role].wscale_known = !seg->opt.cut && !(scale && unseen && role == TCA_CLIENT);
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
    from->syn_gap_ns = from->syn_last_ns >= 0 ? tca_interval(from->syn_last_ns, s->when.time_ns) : 0;
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

/* A repetition that was under way when the ICMP error passed. A client that only noted the error (its socket was locked)
 * climbs on, and its next rung shows it. */
static bool crosses_error(const struct step *s)
{
    const struct tca_step *top = tca_history_top(s->from);
    return top && top->event == TCA_GOT_UNREACHABLE && s->when.time_ns - top->time_ns < TCA_MIN_RTO_NS;
}

/* The capture put the SYN behind the answer to it. Its time may lie there as well, so it dates nothing. */
static bool stands_behind_answer(const struct step *s)
{
    const struct tca_side *client = s->from;
    const struct tca_mark *answer = &s->to->recent;
    if (s->seg->opt.has_ts && answer->has_ts && answer->tsecr != s->seg->opt.tsval)
        return false; /* it answered an earlier copy */
    return s->from_role == TCA_CLIENT && client->iss_inferred && !client->syn_count &&
           s->seg->seq == client->iss && s->to->synack_count &&
           s->when.time_ns - s->m->first_synack_ns <= TCA_OVERTAKEN_NS;
}

static void take_overtaken_syn(struct step *s)
{
    learn_isn(s->from, s->seg);
    learn_options(s->m, s->from, s->seg);
    count_copy(s->from, &s->from->syn_count, s);
    settle_options(s->m, s->seg);
    s->m->damage &= ~(unsigned)TCA_DAMAGE_START_CUT;
    s->m->damage |= TCA_DAMAGE_REORDER;
}

void tca_step_syn(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    s->mark.roles |= TCA_MARK_SYN;
    if (stands_behind_answer(s)) {
        take_overtaken_syn(s);
        return;
    }
    if (!from->syn_count) {
        learn_isn(from, s->seg);
        learn_options(s->m, from, s->seg);
    }
    count_copy(from, &from->syn_count, s);
    bool opened = tca_history_has(from, TCA_SYN_SENT);
    if (s->from_role == TCA_SERVER && !opened)
        passive_syn(s);
    else if (crosses_error(s))
        s->mark.crossing = true;
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

/* The copy of the peer's SYN or SYN+ACK that this answers: the one that TSecr names, else the last before it. */
static struct tca_when answered(const struct step *s, unsigned role)
{
    struct tca_when best = {s->to->syn_last_ns, s->to->syn_last_frame};
    if (!s->seg->opt.has_ts)
        return best;
    struct tca_mark_walk walk = tca_mark_walk(s->m);
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        if ((mark->roles & role) && mark->side != s->from_role && mark->has_ts &&
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
            (first_after || one_for_each) && since_last_syn <= step_path_ns(m, TCA_SERVER) + 2 * TCA_MS;
    }
    m->prev_synack_ns = s->when.time_ns;
}

/* H1: the server repeats its SYN+ACK, so no ACK that could have arrived before has made a child. */
static void refute_open(struct step *s)
{
    struct tca_mirror *m = s->m;
    if (m->last_opener_ns < 0 || m->child_proved)
        return;
    if (step_crossed(m, s->from_role, m->first_ack_ns, s->when.time_ns)) {
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
    struct tca_when syn = answered(s, TCA_MARK_SYN);
    if (syn.frame <= tca_history_top(from)->frame)
        syn.frame = 0; /* the SYN that it answers did not pass here */
    if (s->seg->seq != from->iss && !from->bytes) {
        from->snd_nxt = s->seg->seq + 1;
        from->hole_count = 0;
    }
    if (s->seg->seq != from->iss)
        from->acked = s->seg->ack; /* a request knows nothing of what came before: RCV.NXT is IRS+1 again */
    learn_isn(from, s->seg);
    tca_history_step(from, TCA_SENT_SYNACK, true, syn.frame ? syn : s->when);
}

static void server_synack(struct step *s)
{
    struct tca_side *from = s->from;
    if (!from->step_count || tca_side_state(from) == TCA_UNKNOWN) {
        struct tca_when syn = answered(s, TCA_MARK_SYN);
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

/* The client had reset its SYN before it could have this answer: the RST comes behind the SYN and ends the request. */
static void meet_reset(struct step *s)
{
    const struct tca_mark *rst = &s->to->recent;
    bool crossing = s->from_role == TCA_SERVER && s->from->synack_count == 1 && (rst->flags & TCA_RST) &&
                    s->to->iss_known && rst->seq == s->to->iss + 1;
    if (crossing && tca_side_state(s->from) == TCA_SYN_RECV)
        tca_history_step(s->from, TCA_GOT_RST, false, (struct tca_when){rst->time_ns, rst->frame});
}

/* Another ISN while the first answer still stands: not this request's copy, but another host behind the
 * address, or a cookie. Which of them lives is the client's choice: the one that it acknowledges. */
static bool other_synack(struct step *s)
{
    struct tca_side *from = s->from;
    enum tca_state state = tca_side_state(from);
    if (s->from_role != TCA_SERVER || !from->synack_count || s->seg->seq == from->iss ||
        state == TCA_CLOSED || state == TCA_LISTEN)
        return false;
    s->mark.roles |= TCA_MARK_OTHER_SYNACK;
    if (!s->m->synack_isn_changed || s->seg->seq != s->m->other_iss) {
        s->m->other_syn_ns = s->to->syn_last_ns;
        s->m->other_syn_frame = s->to->syn_last_frame;
    }
    s->m->synack_isn_changed = true;
    s->m->other_iss = s->seg->seq;
    return true;
}

static void choose_synack(struct step *s)
{
    struct tca_side *server = s->to;
    uint32_t chosen = s->m->other_iss;
    if (!s->m->synack_isn_changed || s->from_role != TCA_CLIENT || s->seg->ack != chosen + 1)
        return;
    s->m->other_iss = server->iss;
    if (s->m->other_syn_frame)
        tca_history_redate(server, TCA_GOT_SYN, (struct tca_when){s->m->other_syn_ns, s->m->other_syn_frame});
    server->iss = chosen;
    server->snd_nxt = chosen + 1;
    server->hole_count = 0;
}

/* The first repeat by timer comes late, and the request has the client's ACK. */
static bool leaves_out_rungs(const struct step *s, int64_t gap_before_ns)
{
    return s->from_role == TCA_SERVER && s->m->first_ack_ns >= 0 && gap_before_ns < TCA_INITIAL_RTO_NS / 2 &&
           s->from->syn_gap_ns >= TCA_LINUX_DEFER_MIN_NS;
}

void tca_step_synack(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (other_synack(s))
        return;
    s->mark.roles |= TCA_MARK_SYNACK;
    infer_client_syn(s);
    bool acks_syn = seq_after(s->seg->ack, to->iss) && seq_before_eq(s->seg->ack, to->snd_nxt);
    if (!from->synack_count && !from->syn_count) {
        learn_isn(from, s->seg);
        learn_options(s->m, from, s->seg);
        settle_options(s->m, s->seg);
    }
    struct tca_when syn = answered(s, TCA_MARK_SYN);
    if (s->from_role == TCA_SERVER)
        server_synack(s);
    else
        synack_of_opener(s);
    int64_t rung_gap_ns = from->syn_gap_ns;
    count_copy(from, &from->synack_count, s);
    if (!acks_syn)
        return;
    meet_reset(s);
    if (s->from_role == TCA_SERVER)
        time_synack(s, syn);
    if (s->mark.answers_syn)
        from->syn_gap_ns = rung_gap_ns; /* no rung: it re-arms the timer as it stood (tcp_check_req) */
    else
        s->m->deferred_rung = leaves_out_rungs(s, rung_gap_ns);
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
        .time_ns = s->when.time_ns, .frame = s->when.frame, .seq = s->seg->seq, .len = s->seg->len};
    m->last_opener_ns = s->when.time_ns;
    if (m->first_ack_ns >= 0)
        return;
    m->first_ack_ns = s->when.time_ns;
    m->first_ack_frame = s->when.frame;
    if (m->side[TCA_SERVER].synack_count == 1 || s->seg->opt.has_ts)
        m->ack_rtt_ns = s->when.time_ns - answered(s, TCA_MARK_SYNACK).time_ns;
}

/* It came again, at a retransmission timer's distance, and the answer knows nothing of a first copy (no D-SACK). Where
 * that cannot be told, a child near by would have acknowledged it long since. */
static bool sent_in_vain(const struct step *s, const struct tca_opener *one, const struct tca_opener *again)
{
    const struct tca_options *opt = &s->seg->opt;
    bool sack = s->to->sack_ok && s->from->sack_ok;
    bool twice = opt->sack_count && seq_before_eq(opt->sack[0][1], s->seg->ack);
    return (sack ? !twice : tca_mirror_near_server(s->m)) && again->len && again->seq == one->seq &&
           again->time_ns - one->time_ns >= TCA_MIN_RTO_NS;
}

/* The segment that created the child. A child acknowledges payload at once, at the latest after the delayed
 * ACK: payload that stayed without an answer for longer found none. So it is the first segment after the
 * newest such payload, and after the newest SYN+ACK. *ret_ordinal: its number among all of them, 1-based. */
static const struct tca_opener *creator(const struct step *s, uint64_t *ret_ordinal)
{
    const struct tca_mirror *m = s->m;
    uint64_t kept = m->acks_since_synack < TCA_OPENERS_MAX ? m->acks_since_synack : TCA_OPENERS_MAX;
    int64_t answered_ns = s->when.time_ns - step_path_ns(m, TCA_SERVER) - TCA_DELAYED_ACK_NS;
    const struct tca_opener *first = NULL;
    for (uint64_t back = 0; back < kept; back++) {
        const struct tca_opener *one = &m->opener[(m->acks_since_synack - 1 - back) % TCA_OPENERS_MAX];
        if (one->time_ns < s->from->syn_last_ns ||
            (one->len && first && (one->time_ns < answered_ns || sent_in_vain(s, one, first))))
            break;
        first = one;
        *ret_ordinal = m->acks_since_synack - back;
    }
    return first;
}

void tca_step_child_proved(struct step *s)
{
    struct tca_mirror *m = s->m;
    s->mark.roles |= TCA_MARK_CHILD;
    m->child_proved = true;
    m->child_ns = m->first_ack_ns;
    m->child_frame = m->first_ack_frame;
    /* Near the server what passed has arrived: payload without an answer there was refused, as by a full queue, although
     * no SYN+ACK had to be repeated. Farther away it may have been lost. */
    uint64_t ordinal = 0;
    const struct tca_opener *one = m->open_refuted || tca_mirror_near_server(m) ? creator(s, &ordinal) : NULL;
    if (one) {
        m->child_ns = one->time_ns;
        m->child_frame = one->frame;
    }
    if (one && m->open_refuted)
        m->ack_ignored_count = ordinal - 1;
    struct tca_when when = m->child_ns >= 0 ? (struct tca_when){m->child_ns, m->child_frame} : s->when;
    if (m->child_ns < 0) {
        m->child_ns = s->when.time_ns;
        m->child_frame = s->when.frame;
    }
    tca_history_step(s->from, TCA_GOT_ACK_OF_SYN, true, when);
    tca_history_redate(s->from, TCA_GOT_ACK_OF_SYN, when);
    for (unsigned at = 0; at < s->from->step_count && s->from->step[at].state <= TCA_ESTABLISHED; at++)
        s->from->step[at].proved = true;
}

/* A request answers out-of-window segments and foreign SYNs with a bare ACK of IP ID 0 (tcp_check_req,
 * since 6.1): that is no child. Without an IP ID a bare ACK that acknowledges nothing new proves nothing
 * either, unless it tells of a hole: a request keeps nothing behind one (tcp_v4_reqsk_send_ack). */
static bool may_be_request(const struct step *s)
{
    return step_is_pure_ack(s->seg) && s->seg->ack == s->to->iss + 1 && !s->seg->opt.sack_count &&
           (!s->seg->has_ip_id || s->seg->ip_id == 0);
}

/* A fast-open child may send before the third ACK (RFC 7413 section 4.2.2). */
static bool fast_open_child(const struct step *s)
{
    return s->to->tfo && s->m->first_ack_ns < 0;
}

/* The child of a fast open speaks, and its SYN+ACK did not pass here: it acknowledges what the SYN carried. */
static bool shows_fast_open(const struct step *s)
{
    const struct tca_side *from = s->from, *to = s->to;
    return s->from_role == TCA_SERVER && !from->step_count && to->tfo && tca_side_state(to) == TCA_SYN_SENT &&
           seq_after(s->seg->ack, to->iss + 1) && seq_before_eq(s->seg->ack, to->snd_nxt);
}

/* The side had not been seen in any state: it answers a SYN without SYN+ACK, or the capture has a gap. */
static void unknown_sender(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (shows_fast_open(s)) {
        s->m->damage |= TCA_DAMAGE_GAP;
        tca_history_step(from, TCA_GOT_SYN, true, (struct tca_when){to->syn_last_ns, to->syn_last_frame});
        return;
    }
    if (!from->step_count && to->iss_known && !to->iss_inferred && !to->acked_known) {
        if (s->seg->ack != to->iss + 1)
            s->mark.roles |= TCA_MARK_CHALLENGE; /* numbers of another connection */
        if (step_is_pure_ack(s->seg))
            return; /* challenge, or the first half of a split answer */
    }
    if (from->step_count && tca_side_state(from) != TCA_UNKNOWN)
        return;
    if (to->acked_known || s->seg->len || (s->seg->flags & TCA_FIN) || s->m->damage & TCA_DAMAGE_START_CUT) {
        /* A FIN shows more: see sender_fin. Whether its peer had closed before the capture began is not known yet. */
        if (!(s->seg->flags & TCA_FIN))
            tca_history_step(from, TCA_SENT_OPEN, !(s->m->damage & TCA_DAMAGE_START_CUT), s->when);
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
    struct tca_when when = to->synack_count ? answered(s, TCA_MARK_SYNACK) : s->when;
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
        tca_step_child_proved(s);
}

/* Only a full socket of the server sends this: its child exists. */
static bool shows_child(const struct step *s)
{
    return s->from_role == TCA_SERVER && !s->m->child_proved && s->from->synack_count && !may_be_request(s) &&
           !fast_open_child(s) && !tca_history_has(s->from, TCA_SYN_SENT);
}

void tca_step_opening_sender(struct step *s)
{
    if (s->account.older) {
        if (!s->from->step_count) /* in answer to a SYN: an older connection, or TIME_WAIT, speaks */
            s->mark.roles |= TCA_MARK_CHALLENGE;
        return;
    }
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
            tca_step_child_proved(s);
        else if (tca_side_state(s->from) == TCA_ESTABLISHED && tca_history_has(s->from, TCA_SYN_SENT))
            tca_history_prove(s->from);
        break;
    }
}

/* TCP_DEFER_ACCEPT: the request keeps silent at its first rungs, although it has the client's ACK, and takes the next one
 * after the repeat that ends the deferral (tcp_check_req, syn_ack_recalc). A full queue leaves out no rung. */
static bool deferral_over(const struct step *s)
{
    const struct tca_side *server = s->to;
    bool spoke = s->from->first_data_ns >= 0 && s->from->first_data_ns < s->when.time_ns;
    return server->synack_count == 2 && server->syn_gap_ns >= TCA_LINUX_DEFER_MIN_NS && !spoke;
}

void tca_step_opening_receiver(struct step *s)
{
    struct tca_side *to = s->to;
    /* A request wants ISS+1 exactly; the child of a fast open is a full socket and has sent more. */
    bool exact = s->seg->ack == to->iss + 1;
    bool fast_open =
        s->from->tfo && seq_after(s->seg->ack, to->iss) && seq_before_eq(s->seg->ack, to->snd_nxt);
    if (tca_side_state(to) != TCA_SYN_RECV || !(s->seg->flags & TCA_ACK) || !(exact || fast_open))
        return;
    /* Once refuted, an ACK alone convinces nobody: only what the server does next. */
    if (s->from_role == TCA_CLIENT && s->m->open_refuted && !deferral_over(s))
        to->alternative = TCA_ESTABLISHED + 1;
    else
        tca_history_step(to, TCA_GOT_ACK_OF_SYN, false, s->when);
}

static bool after_synack(const struct step *s)
{
    return s->from_role == TCA_CLIENT && s->m->first_synack_ns >= 0 && !s->m->child_proved &&
           !s->account.older && tca_side_state(&s->m->side[TCA_SERVER]) != TCA_CLOSED;
}

/* As a SYN cookie's without time stamps: what the client offered, and Linux grants, is missing from the SYN+ACK. */
static bool options_withheld(const struct tca_mirror *m)
{
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    for (unsigned at = 0; at < client->order_count; at++)
        if (client->order[at] == TIMESTAMP_KIND)
            return false;
    return client->has_wscale && client->sack_ok && server->has_mss && !server->has_wscale &&
           !server->sack_ok && !(m->damage & TCA_DAMAGE_SNAPLEN);
}

/* Near the server payload came again and again, by its timer, and since the SYN+ACK not a word from there: a child
 * would have acknowledged it. A request would have repeated its SYN+ACK, but after a SYN cookie there is none. */
static bool payload_refused(const struct step *s)
{
    const struct tca_mirror *m = s->m;
    const struct tca_step *top = tca_history_top(s->to);
    return tca_mirror_near_server(m) && s->from_role == TCA_CLIENT && s->from->rto_run >= REFUSALS_MIN &&
           !m->child_proved && top && !top->proved && top->event == TCA_GOT_ACK_OF_SYN &&
           m->first_ack_ns >= 0 && s->to->last_ns < m->first_ack_ns && options_withheld(m);
}

void tca_mirror_refute_open(struct tca_mirror *m)
{
    if (!tca_history_back_to(&m->side[TCA_SERVER], TCA_SYN_RECV))
        return;
    m->open_refuted = true;
    m->ack_ignored_count = m->acks_since_synack;
}

void tca_step_note_opener(struct step *s)
{
    choose_synack(s);
    if (payload_refused(s))
        tca_mirror_refute_open(s->m);
    if ((s->seg->flags & TCA_ACK) && after_synack(s))
        note_opener(s);
}
