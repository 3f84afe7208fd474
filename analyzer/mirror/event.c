/* SPDX-License-Identifier: MIT
 *
 * From a segment to events: what its sender did (proved), and what its receiver may have got (assumed).
 *
 *      1  the clocks run up to this segment
 *      2  sequence space is accounted
 *      3  the sender steps: what it sent proves the state it was in, and takes back an assumption that contradicts it
 *      4  the receiver steps, if it would accept the segment
 *      5  evidence is kept
 *
 * Opening, closing and resets have files of their own.
 *
 * Two rules make the history settled. What an endpoint's own segment shows to have happened earlier (its ACK
 * of a FIN, the child that answers data) is dated at the segment that caused it, not at the one that told.
 * And a step that rests on "seen to pass" only stays as long as the endpoint does not contradict it: a
 * repeated SYN+ACK takes back ESTABLISHED, a repeated FIN takes back FIN_WAIT2 and CLOSED, unless the repeat
 * had left before the other could arrive.
 */
#include "base/apart.h"
#include "base/seq32.h"
#include "mirror/evidence.h"
#include "mirror/step.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

/* ---- ordinary segments: the sender ---- */

/* After an RST the same numbers and the same window once more: something asked for it, and what it says is that its sender
 * still waits for a number before the RST's. Nothing fills that gap any more, so the RST was not accepted (RFC 5961
 * section 3.2: a challenge). An ACK that was under way when the RST passed would say something new. */
static bool waits_before_rst(const struct step *s)
{
    const struct tca_mark *rst = &s->to->recent, *last = &s->from->recent;
    return (rst->flags & TCA_RST) && last->frame && step_is_pure_ack(s->seg) &&
           seq_before(s->seg->ack, rst->seq) && (last->flags & (TCA_SYN | TCA_ACK)) == TCA_ACK &&
           s->seg->ack == last->ack && s->seg->window == last->window &&
           s->seg->seq == last->seq + last->len && last->time_ns < rst->time_ns;
}

/* Its sender had not got all that was sent before the RST. If it acknowledges something new, however long it was under way,
 * it had this before the RST came, and goes no further; else where a busy host may have been late. */
static bool left_before_rst(const struct step *s, int64_t rst_ns)
{
    const struct tca_mark *last = &s->from->recent;
    if (!last->frame || !(last->flags & s->seg->flags & TCA_ACK) || !seq_before(s->seg->ack, s->to->snd_nxt))
        return false;
    bool late = s->seg->len && step_path_ns(s->m, s->from_role) &&
                step_may_have_crossed(s->m, s->from_role, rst_ns + TCA_BUSY_NS, s->when.time_ns);
    return late || seq_after(s->seg->ack, last->ack);
}

/* Had it left before what closed this side? */
static bool was_under_way(const struct step *s, const struct tca_step *top)
{
    if (top->event == TCA_GOT_RST && left_before_rst(s, top->time_ns))
        return true;
    return step_may_have_crossed(s->m, s->from_role, top->time_ns, s->when.time_ns) &&
           !(top->event == TCA_GOT_RST && waits_before_rst(s));
}

/* It goes on sending: what closed it was not so. */
static void closed_sender(struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_step *top = tca_history_top(from);
    enum tca_event event = (enum tca_event)top->event;
    if (tca_step_fin_copied(s))
        return;
    if (event == TCA_SENT_RST) {
        s->mark.roles |= TCA_MARK_AFTER_RST; /* the RST was not its own, or another stack answers for it */
        tca_history_pop(from);
        s->mark.refuting = true;
    } else if (!top->proved && !was_under_way(s, top)) {
        bool last_ack = from->step_count > 1 && from->step[from->step_count - 2].state == TCA_LAST_ACK;
        if (event == TCA_GOT_ACK_OF_FIN && last_ack && !(s->seg->flags & TCA_FIN))
            return;
        tca_history_pop(from);
        s->mark.refuting = true;
        from->rst_survived |= event == TCA_GOT_RST && tca_side_state(from) == TCA_TIME_WAIT;
    }
}

/* What its receiver could not take. The SYN+ACK of a simultaneous open completes it. */
static bool is_odd(const struct step *s, const struct tca_mark *asked)
{
    if (asked->flags & TCA_RST)
        return asked->rst_fit != TCA_RST_EXACT && asked->rst_fit != TCA_RST_BLIND;
    return asked->refusal == TCA_REJECT_ACK || ((asked->flags & TCA_SYN) && !s->m->client_synack);
}

static bool just_now(const struct step *s, int64_t time_ns)
{
    return time_ns >= 0 && s->seg->time_ns - time_ns <= TCA_SECOND;
}

/* A bare ACK with the numbers of the side's last segment, right after something that it could not take. */
static void challenge_role(struct step *s)
{
    const struct tca_mark *asked = &s->to->recent, *last = &s->from->recent;
    bool stray = s->to->stray.refusal == TCA_REJECT_ACK && just_now(s, s->to->stray.time_ns);
    if (!step_is_pure_ack(s->seg) || !asked->frame || !last->frame || !(stray || just_now(s, asked->time_ns)))
        return;
    bool unchanged = (last->flags & TCA_ACK) && s->seg->ack == last->ack;
    bool challenge = unchanged && (stray || is_odd(s, asked)) &&
                     tca_state_synchronized((enum tca_state)s->mark.sender_state);
    if (challenge || waits_before_rst(s))
        s->mark.roles |= TCA_MARK_CHALLENGE;
}

static void step_sender(struct step *s)
{
    if (tca_side_state(s->from) == TCA_CLOSED)
        closed_sender(s);
    if (tca_side_state(s->from) != TCA_CLOSED)
        tca_step_opening_sender(s);
    tca_step_closing_sender(s);
}

/* ---- ordinary segments: the receiver ---- */

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
    tca_step_opening_receiver(s);
    tca_step_closing_receiver(s);
}

/* Of a connection that had begun before: whoever sends new payload has not closed, so its peer is not behind a FIN that the
 * capture lacks; and whoever sends it after taking a FIN is in CLOSE_WAIT, not in TIME_WAIT. */
static void payload_tells(struct step *s)
{
    const struct tca_step *peer = tca_history_top(s->to), *own = tca_history_top(s->from);
    if (!s->account.new_bytes || !(s->m->damage & TCA_DAMAGE_START_CUT))
        return;
    if (peer && !peer->proved && (peer->event == TCA_SENT_OPEN || peer->event == TCA_SENT_FIN))
        tca_history_prove(s->to);
    bool has_fin = (s->seg->flags & TCA_ACK) && s->to->fin_sent && seq_after(s->seg->ack, s->to->fin_seq);
    if (own && !own->proved && own->state == TCA_CLOSE_WAIT && has_fin)
        tca_history_prove(s->from);
}

static void step_ordinary(struct step *s)
{
    tca_step_note_opener(s);
    challenge_role(s);
    step_sender(s);
    payload_tells(s);
    step_receiver(s);
    if (s->account.new_bytes && s->from->bytes == s->account.new_bytes)
        s->mark.roles |= TCA_MARK_FIRST_DATA;
    if (s->account.retransmitted)
        s->mark.roles |= TCA_MARK_DATA_RETX;
    if (s->account.keepalive)
        s->mark.roles |= TCA_MARK_KEEPALIVE;
}

/* ---- every segment ---- */

static void count_segment(struct tca_side *from, const struct tca_segment *seg, bool overtaken)
{
    from->pkts++;
    if (from->first_ns < 0)
        from->first_ns = seg->time_ns;
    from->last_ns = seg->time_ns;
    from->last_frame = seg->frame;
    from->ttl = seg->ttl;
    if (!overtaken)
        from->last_ip_id = seg->ip_id;
}

static void count_checksum(struct tca_side *from, const struct tca_segment *seg, bool strict)
{
    from->good_checksums += seg->checksum == TCA_CHECKSUM_GOOD;
    from->bad_checksums += seg->checksum == TCA_CHECKSUM_BAD;
    if (strict) /* every bad one counts */
        from->good_checksums = UINT32_MAX;
}

static int dispatch(struct tca_mirror_context *ctx, struct step *s)
{
    if (s->seg->flags & TCA_RST)
        return tca_step_rst(ctx, s);
    if (tca_is_bare_syn(s->seg))
        tca_step_syn(s);
    else if (tca_is_synack(s->seg))
        tca_step_synack(s);
    else
        step_ordinary(s);
    return TCA_OK;
}

/* The long way: all that a segment may tell. */
static int step_whole(struct tca_mirror_context *ctx, struct step *s)
{
    s->acceptance = tca_sequence_accept(s->from, s->to, s->seg);
    s->account = tca_sequence_account(s->m, s->from, s->to, s->seg);
    s->mark.new_data = s->account.new_bytes > 0;
    s->mark.refusal = (uint8_t)s->acceptance;
    int error = dispatch(ctx, s);
    return error ? error : tca_step_liveness(ctx, s);
}

TCA_APART static int step(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                          int from)
{
    tca_mirror_settle(m);
    struct tca_side *sender = &m->side[from], *receiver = &m->side[1 - from];
    if (!m->calm)
        tca_mirror_clock(m, seg->time_ns);
    step_note_damage(m, seg, receiver);
    count_checksum(sender, seg, ctx->strict_checksums);
    step_note_nearness(sender, seg);
    m->last_frame = seg->frame;
    if (seg->time_ns > m->last_ns)
        m->last_ns = seg->time_ns;
    step_remember(sender, seg);
    struct step s = {.m = m,
                     .seg = seg,
                     .from = sender,
                     .to = receiver,
                     .from_role = from,
                     .when = {seg->time_ns, seg->frame},
                     .mark = tca_mark_of(m, seg, from)};
    int error = step_whole(ctx, &s);
    if (error)
        return error;
    count_segment(s.from, seg, s.account.late);
    if (s.account.new_bytes) {
        s.from->last_data_ns = seg->time_ns;
        if (s.from->first_data_ns < 0)
            s.from->first_data_ns = seg->time_ns;
    }
    s.from->recent = s.mark;
    tca_step_note_calm(m);
    return s.mark.roles ? tca_evidence_keep(ctx, m, &s.mark) : TCA_OK;
}

#ifdef TCA_CHECK_WAYS
/* Where the short way was gone the long one must lead to the same mirror. */
static void check_calm(struct tca_mirror_context *ctx, struct tca_mirror *before,
                       const struct tca_mirror *after, const struct tca_segment *seg, int from)
{
    struct tca_mirror settled;
    memcpy(&settled, after, sizeof settled);
    tca_mirror_settle(&settled);
    before->calm = false;
    if (step(ctx, before, seg, from) != TCA_OK || memcmp(before, &settled, sizeof settled) != 0)
        abort();
}
#endif

int tca_mirror_step(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                    int from)
{
#ifdef TCA_CHECK_WAYS
    struct tca_mirror before;
    memcpy(&before, m, sizeof before);
#endif
    struct tca_side *sender = &m->side[from], *receiver = &m->side[1 - from];
    if (!m->calm || !tca_step_calm(m, sender, receiver, seg, ctx->strict_checksums))
        return step(ctx, m, seg, from);
#ifdef TCA_CHECK_WAYS
    check_calm(ctx, &before, m, seg, from);
#endif
    return TCA_OK;
}

void tca_mirror_copy(struct tca_mirror *m, int from)
{
    m->side[from].capture_copies++;
    m->damage |= TCA_DAMAGE_DUP;
}

/* ---- begin, end, and what is not a segment of this flow ---- */

static void side_begin(struct tca_side *side)
{
    side->ts_recent_ns = side->first_ns = side->last_ns = side->first_data_ns = side->last_data_ns = -1;
    side->syn_last_ns = side->fin_last_ns = side->fin_acked_ns = -1;
    side->sent_ns = side->una_ns = side->stray.time_ns = -1;
}

#ifdef TCA_CHECK_WAYS
static void check_zeros(const struct tca_mirror *m)
{
    static const struct tca_mirror zeros;
    if (memcmp(m, &zeros, sizeof zeros) != 0)
        abort();
}
#else
static void check_zeros(const struct tca_mirror *m)
{
    (void)m;
}
#endif

void tca_mirror_begin(struct tca_mirror *m, const struct tca_segment *first)
{
    check_zeros(m);
    m->begun = true;
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
    bool answers = (seg->flags & TCA_RST) || (from == TCA_SERVER && step_is_pure_ack(seg));
    if (!answers)
        return TCA_OK; /* on its way before the SYN, or a timer's work */
    mark.witness = true;
    mark.roles = (seg->flags & TCA_RST) ? TCA_MARK_RST : TCA_MARK_CHALLENGE;
    uint8_t state = m->prior.state[from];
    bool mini = seg->has_ip_id && !seg->ip_id;
    bool counted =
        m->prior.exists && !mini && state != TCA_TIME_WAIT && state != TCA_SYN_RECV; /* as Linux does */
    m->side[from].challenge_count += !(seg->flags & TCA_RST) && counted;
    return tca_evidence_keep(ctx, m, &mark);
}

int tca_mirror_late(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *seg,
                    int from)
{
    struct tca_mark mark = tca_mark_of(m, seg, from);
    mark.witness = true;
    mark.roles = TCA_MARK_OLD_DUP;
    m->side[from].pkts++;
    m->side[from].late_pkts++;
    return tca_evidence_keep(ctx, m, &mark);
}

void tca_mirror_stray(struct tca_mirror *m, const struct tca_segment *seg, int from)
{
    struct tca_side *sender = &m->side[from], *receiver = &m->side[1 - from];
    enum tca_acceptance acceptance = tca_sequence_accept(sender, receiver, seg);
    sender->stray =
        (struct tca_stray){.time_ns = seg->time_ns, .frame = seg->frame, .refusal = (uint8_t)acceptance};
    receiver->paws_rejected += acceptance == TCA_REJECT_PAWS && tca_side_state(receiver) != TCA_TIME_WAIT;
    m->calm = false; /* the next long way tells again */
}

void tca_mirror_anew(struct tca_mirror *m, int64_t now_ns)
{
    struct tca_side *client = &m->side[TCA_CLIENT];
    if (tca_side_state(client) == TCA_SYN_SENT)
        tca_history_step(client, TCA_TIMER_USER, false, (struct tca_when){now_ns, m->last_frame});
}

int tca_mirror_icmp(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_segment *quote,
                    int from, bool from_peer)
{
    struct tca_mark mark = tca_mark_of(m, quote, from);
    mark.roles = TCA_MARK_ICMP;
    mark.icmp_from_peer = from_peer;
    bool ends = tca_icmp_ends_attempt(quote->family, quote->icmp_type, quote->icmp_code);
    struct tca_side *side = &m->side[from];
    if (ends && tca_side_state(side) == TCA_SYN_SENT && quote->seq == side->iss)
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
    tca_mirror_settle(m);
    m->ended = true;
    tca_liveness_finish(m);
    if (m->damage & TCA_DAMAGE_NO_TIME)
        m->syn_rtt_ns = m->ack_rtt_ns = m->path_to_server_ns = -1;
    for (int role = 0; role < 2; role++) {
        struct tca_side *side = &m->side[role];
        side->missed_bytes = missed(side, &m->side[1 - role]);
        if (side->missed_bytes)
            m->damage |= TCA_DAMAGE_GAP;
        if (!side->pkts)
            m->damage |= TCA_DAMAGE_ONE_WAY;
        int error = tca_evidence_add_role(ctx, m, &side->recent, TCA_MARK_LAST);
        if (error)
            return error;
    }
    return TCA_OK;
}
