/* SPDX-License-Identifier: MIT
 *
 * What kept a connection waiting: payload sent again and why, closed windows, probes of an idle peer, delayed
 * acknowledgments. Counts and first frames only; the judges of classify/liveness.c read them.
 *
 * Why a segment is sent again, by what its sender knew and how long it had been quiet. `quiet` is the time since the
 * timer was last set: since it last sent payload, or last had some acknowledged.
 *
 *      a loss told by SACK or three ACKs without progress, right after the peer's word     FAST
 *      quiet for a timer's time   the last payload, for the first time, SACK agreed on     TLP
 *                                 anything else                                            RTO
 *      after an RTO, what was outstanding then, as acknowledgments come in                 after RTO
 *      quiet for less             the last payload, for the first time                     TLP
 *                                 anything else                                            unsure
 *
 * A probe is not backed off, a timeout is: a copy after twice the probe's interval shows that the probe was a timeout.
 * The retransmission was needless if the receiver says so: by a D-SACK (RFC 2883), or by echoing a time stamp older than
 * the copy's (RFC 3522). A D-SACK of what was sent once means that the network delivered it twice.
 *
 * Checked against Linux tcp_schedule_loss_probe(), tcp_send_loss_probe(), tcp_retransmit_timer(), tcp_keepalive_timer(),
 * tcp_probe_timer() (5.10 to 7.2), RFC 6298, 8985, 1122 section 4.2.3. Most connections never need a struct
 * tca_trouble; it is taken from a pool at the first sign of any.
 */
#include "base/seq32.h"
#include "mirror/step.h"

#include <tcpautopsy/error.h>

/* ACKs later than this were not sent at once. */
static const int64_t DELAYED_NS = 30 * TCA_MS, DELAYED_MOST_NS = 600 * TCA_MS;
/* What follows an acknowledgment within this, the path aside, had waited for it. */
static const int64_t FOLLOWS_NS = 2 * TCA_MS;
/* A recovery may wait a quarter of the path for what was merely reordered (RFC 8985 section 6.2), by a coarse timer. */
static const int64_t SETTLE_NS = 20 * TCA_MS;
/* Some ticks of a time stamp clock (1 ms each on the systems in use). */
static const int64_t TICKS_NS = 3 * TCA_MS;
/* A path shorter than this cannot tell reordering from a repetition by time. */
static const int64_t MEASURABLE_NS = 2 * TCA_MS;
/* Window probes back off up to this (TCP_RTO_MAX); then they are even, as keepalive is from the first on. */
static const int64_t BACKED_OFF_NS = 100 * TCA_SECOND;
/* TCP_KEEPIDLE is a second at least. Less was seen here: what ended the silence had not reached the sender yet. */
static const int64_t LEAST_IDLE_NS = TCA_SECOND / 2;
enum { DUPLICATE_ACKS = 3, TIMESTAMP_BYTES = 12, SMALLEST_MSS = 536 };

/* The trouble of both sides, at the first need of it. NULL: no memory. */
static struct tca_trouble *trouble_of(struct tca_mirror_context *ctx, struct tca_mirror *m)
{
    if (!m->trouble)
        m->trouble = tca_pool_take(&ctx->troubles);
    return m->trouble;
}

static int64_t since(int64_t then_ns, int64_t now_ns)
{
    return then_ns >= 0 && now_ns > then_ns ? tca_interval(then_ns, now_ns) : 0;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool carries(const struct tca_segment *seg)
{
    return seg->len || (seg->flags & TCA_FIN);
}

/* ---- what an acknowledgment says of the other side's payload ---- */

static bool is_delay_of_a_stack(int64_t delay_ns)
{
    return (delay_ns >= 35 * TCA_MS && delay_ns <= 60 * TCA_MS) ||
           (delay_ns >= 180 * TCA_MS && delay_ns <= 250 * TCA_MS);
}

/* An ACK of all there is, long after the last of it came: it waited for a timer. */
static void note_delayed_ack(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!step_is_pure_ack(s->seg) || s->seg->ack != to->snd_nxt)
        return;
    int64_t delay = since(to->sent_ns, s->seg->time_ns) - step_path_ns(s->m, s->from_role);
    if (delay < DELAYED_NS || delay > DELAYED_MOST_NS)
        return;
    uint32_t us = (uint32_t)(delay / 1000);
    if (!from->delayed_acks++ || us < from->delayed_ack_min_us)
        from->delayed_ack_min_us = us;
    if (us > from->delayed_ack_max_us)
        from->delayed_ack_max_us = us;
    if (to->alone && is_delay_of_a_stack(delay))
        to->held_us = us;
}

static void found_needless(struct step *s, struct tca_again *again)
{
    if (again->told)
        return;
    again->told = true;
    s->to->retx_spurious++;
    s->mark.roles |= TCA_MARK_SPURIOUS;
}

/* The copy filled the place where the receiver stood, so it would echo the copy's time stamp had it needed it. */
static void read_echo(struct step *s, struct tca_trouble *t)
{
    if (!t->again_count || !s->seg->opt.has_ts)
        return;
    struct tca_again *again = &t->again[(t->again_count - 1) % TCA_AGAIN_MAX];
    if (again->first_waiting && again->has_ts && seq_after_eq(s->seg->ack, again->end) &&
        seq_before(s->seg->opt.tsecr, again->tsval))
        found_needless(s, again);
}

/* [left, right) came twice to the receiver. */
static void read_dsack(struct step *s, struct tca_trouble *t, uint32_t left, uint32_t right)
{
    uint32_t kept = t->again_count < TCA_AGAIN_MAX ? t->again_count : TCA_AGAIN_MAX;
    for (uint32_t at = 0; at < kept; at++)
        if (seq_before(t->again[at].seq, right) && seq_after(t->again[at].end, left)) {
            found_needless(s, &t->again[at]);
            return;
        }
    /* A probe's single byte is meant to come twice; and of many repetitions only the newest are known. */
    bool seen = (s->to->recent.roles & TCA_MARK_OLD_DUP) && s->to->recent.seq == left; /* counted already */
    if (right - left <= 1 || seen || t->again_count > TCA_AGAIN_MAX || s->to->keepalive_count)
        return;
    t->old_dup_count++;
    s->mark.roles |= TCA_MARK_OLD_DUP;
}

static bool is_dsack(const struct tca_segment *seg)
{
    const uint32_t(*block)[2] = seg->opt.sack;
    if (seq_before_eq(block[0][1], seg->ack))
        return true;
    return seg->opt.sack_count > 1 && seq_after_eq(block[0][0], block[1][0]) &&
           seq_before_eq(block[0][1], block[1][1]);
}

static int read_sack(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_side *to = s->to;
    const struct tca_segment *seg = s->seg;
    unsigned at = 0;
    if (is_dsack(seg)) {
        if (!trouble_of(ctx, s->m))
            return TCA_EMEMORY;
        if (seq_before(seg->opt.sack[0][0], seg->opt.sack[0][1]))
            read_dsack(s, &s->m->trouble[1 - s->from_role], seg->opt.sack[0][0], seg->opt.sack[0][1]);
        at = 1;
    }
    for (; at < seg->opt.sack_count; at++) {
        uint32_t edge = seg->opt.sack[at][1];
        if (seq_before_eq(edge, seg->ack) || seq_after(edge, to->snd_nxt))
            continue;
        if (!to->sacked || seq_after(edge, to->sacked_to)) {
            to->sacked_to = edge;
            to->news = true;
        }
        to->sacked = true;
    }
    return TCA_OK;
}

static void read_progress(struct step *s)
{
    struct tca_side *to = s->to;
    uint32_t ack = s->seg->ack;
    note_delayed_ack(s);
    to->una_ns = s->seg->time_ns;
    to->news = true;
    to->dup_acks = 0;
    if (to->recovery && seq_after_eq(ack, to->recover_end))
        to->recovery = TCA_RECOVERY_NONE;
    if (to->sacked && seq_before_eq(to->sacked_to, ack))
        to->sacked = false;
    if (s->m->trouble)
        read_echo(s, &s->m->trouble[1 - s->from_role]);
}

/* The same number again, nothing else new, while something is outstanding (RFC 5681 section 2). */
static bool is_duplicate_ack(const struct step *s)
{
    return step_is_pure_ack(s->seg) && s->seg->ack == s->from->acked &&
           seq_after(s->to->snd_nxt, s->seg->ack) && s->from->recent.window == s->seg->window;
}

static int read_ack(struct tca_mirror_context *ctx, struct step *s)
{
    const struct tca_segment *seg = s->seg;
    if (!(seg->flags & TCA_ACK))
        return TCA_OK;
    if (s->account.advanced)
        read_progress(s);
    else if (is_duplicate_ack(s)) {
        if (s->to->dup_acks < UINT8_MAX)
            s->to->dup_acks++;
        s->to->news = true;
    }
    if (s->account.unseen) {
        if (!trouble_of(ctx, s->m))
            return TCA_EMEMORY;
        s->m->trouble[1 - s->from_role].unseen_count++;
        s->mark.roles |= TCA_MARK_GAP;
    }
    return seg->opt.sack_count ? read_sack(ctx, s) : TCA_OK;
}

/* ---- sent again, and why ---- */

enum why { WHY_RTO, WHY_TLP, WHY_FAST, WHY_AFTER_RTO, WHY_UNSURE };

/* Something below what the peer has, and soon after the peer said so. What it said before this side's last payload is no
 * reason to send again a timer's time later, though the peer may have spoken of other things meanwhile. */
static bool is_fast(const struct step *s, int64_t quiet_ns)
{
    const struct tca_side *from = s->from;
    bool told = (from->sacked && seq_after(from->sacked_to, s->seg->seq)) ||
                from->dup_acks >= DUPLICATE_ACKS || from->recovery == TCA_RECOVERY_FAST;
    int64_t path = step_path_ns(s->m, s->from_role), whole = path + step_path_ns(s->m, 1 - s->from_role);
    return told && (from->news || quiet_ns < TCA_MIN_RTO_NS) && s->to->last_ns >= 0 &&
           since(s->to->last_ns, s->seg->time_ns) <= path + whole / 4 + SETTLE_NS;
}

/* The SYN+ACK did not take the payload that came with the SYN: it is sent again at once (tcp_rcv_fastopen_synack). */
static bool was_on_syn(const struct step *s)
{
    bool whole = !(s->m->damage & (TCA_DAMAGE_START_CUT | TCA_DAMAGE_GAP));
    return whole && s->from_role == TCA_CLIENT && s->from->tfo && s->from->sent_ns < 0;
}

/* The server's answer, sent ahead of the handshake's end: no probe is set for that (tcp_schedule_loss_probe). */
static bool sent_early(const struct step *s)
{
    return s->from_role == TCA_SERVER && s->to->tfo &&
           (s->m->first_ack_ns < 0 || s->from->sent_ns < s->m->first_ack_ns);
}

/* A probe needs SACK (tcp_schedule_loss_probe); where the handshake was not seen it is taken to be agreed on. What only
 * a SYN has carried is not probed. */
static bool may_probe(const struct step *s)
{
    if (sent_early(s))
        return false;
    bool agreed = (s->from->sack_ok && s->to->sack_ok) || (s->m->damage & TCA_DAMAGE_START_CUT);
    return agreed && s->from->sent_ns >= 0 && s->to->acked_known && s->from->recovery == TCA_RECOVERY_NONE &&
           !s->from->sacked && s->from->dup_acks < DUPLICATE_ACKS &&
           tca_segment_end(s->seg) == s->from->snd_nxt;
}

/* A router asked for it: the receiver's word of the hole was still on its way. */
static bool before_any_word(const struct step *s, const struct tca_trouble *t)
{
    return s->account.filled && t->hole_in_pieces &&
           since(t->hole_ns, s->seg->time_ns) < step_path_ns(s->m, s->from_role) * 3 / 4;
}

static enum why why_again(const struct step *s, const struct tca_trouble *t, int64_t quiet_ns)
{
    const struct tca_side *from = s->from;
    enum tca_state state = tca_side_state(from);
    if (state == TCA_TIME_WAIT || state == TCA_CLOSED || before_any_word(s, t))
        return WHY_UNSURE; /* it has no timer any more, or had no time to hear */
    bool after_rto = from->recovery == TCA_RECOVERY_RTO && seq_before(s->seg->seq, from->recover_end);
    if (!after_rto && is_fast(s, quiet_ns))
        return WHY_FAST;
    if (was_on_syn(s))
        return WHY_AFTER_RTO;
    if (may_probe(s))
        return WHY_TLP;
    if (quiet_ns >= TCA_MIN_RTO_NS)
        return WHY_RTO;
    return after_rto ? WHY_AFTER_RTO : WHY_UNSURE;
}

/* What passed for a probe was a timeout: the next interval is twice as long. */
static void settle_probe(struct tca_side *from, struct tca_trouble *t, int64_t quiet_ns)
{
    bool doubled = t->tlp_gap_ns >= TCA_MIN_RTO_NS && quiet_ns >= t->tlp_gap_ns * 17 / 10 &&
                   quiet_ns <= t->tlp_gap_ns * 5 / 2;
    if (from->recovery == TCA_RECOVERY_TLP && doubled && from->retx_tlp) {
        from->retx_tlp--;
        from->retx_rto++;
    }
    t->tlp_gap_ns = 0;
}

static void count_again(struct step *s, struct tca_trouble *t, enum why why, int64_t quiet_ns)
{
    struct tca_side *from = s->from;
    if (why == WHY_RTO)
        settle_probe(from, t, quiet_ns);
    switch (why) {
    case WHY_RTO:
        from->retx_rto++;
        from->recovery = TCA_RECOVERY_RTO;
        s->mark.roles |= TCA_MARK_RETX_RTO;
        break;
    case WHY_TLP:
        from->retx_tlp++;
        from->recovery = TCA_RECOVERY_TLP;
        t->tlp_gap_ns = quiet_ns;
        s->mark.roles |= TCA_MARK_RETX_TLP;
        break;
    case WHY_FAST:
        from->retx_fast++;
        from->recovery = TCA_RECOVERY_FAST;
        s->mark.roles |= TCA_MARK_RETX_FAST;
        break;
    case WHY_AFTER_RTO:
        from->retx_after_rto++;
        return; /* the recovery ends where the timeout found it */
    default:
        from->retx_unsure++;
        return;
    }
    from->recover_end = from->snd_nxt;
}

/* The ladder of account_ladder(), with its frames; `before_ns`: when this payload had last been sent. */
static void note_ladder(const struct step *s, struct tca_trouble *t, int64_t before_ns)
{
    const struct tca_side *from = s->from;
    if (!from->rto_run || from->rto_last_ns != s->seg->time_ns || from->rto_seq != s->seg->seq)
        return;
    if (from->rto_run == 1)
        t->ladder = (struct tca_spell){.start_ns = before_ns, .first_frame = s->seg->frame};
    t->ladder.end_ns = s->seg->time_ns;
    t->ladder.last_frame = s->seg->frame;
    t->ladder.count = from->rto_run;
    if (t->ladder.count >= t->ladder_worst.count)
        t->ladder_worst = t->ladder;
}

static void sent_again(struct step *s, struct tca_trouble *t)
{
    struct tca_side *from = s->from;
    const struct tca_segment *seg = s->seg;
    int64_t set_ns = later(from->sent_ns, from->una_ns);
    int64_t quiet_ns = since(set_ns, seg->time_ns);
    count_again(s, t, why_again(s, t, quiet_ns), quiet_ns);
    note_ladder(s, t, set_ns >= 0 ? set_ns : seg->time_ns);
    t->again[t->again_count++ % TCA_AGAIN_MAX] =
        (struct tca_again){.seq = seg->seq,
                           .end = tca_segment_end(seg),
                           .tsval = seg->opt.tsval,
                           .has_ts = seg->opt.has_ts,
                           .first_waiting = s->to->acked_known && seg->seq == s->to->acked};
}

/* ---- overtaken and doubled ---- */

/* The very segment that passed before: same IP ID (of a socket that counts), time stamp and all. */
static bool is_network_copy(const struct step *s)
{
    const struct tca_segment *seg = s->seg;
    unsigned same = 0;
    for (unsigned at = 0; seg->has_ip_id && seg->ip_id && at < TCA_SEEN_MAX; at++) {
        const struct tca_seen *seen = &s->from->seen[at];
        same += seen->used && seen->ip_id == seg->ip_id && seen->seq == seg->seq && seen->len == seg->len &&
                seen->ack == seg->ack && seen->flags == seg->flags && seen->tsval == seg->opt.tsval;
    }
    return same > 1; /* it is among them itself */
}

/* Payload of a segment as large as this connection allows. */
static uint32_t full_segment(const struct step *s)
{
    const struct tca_side *from = s->from, *to = s->to;
    uint32_t mss = to->has_mss ? to->mss : 0;
    if (from->has_mss && from->mss < mss)
        mss = from->mss;
    return mss > TIMESTAMP_BYTES ? mss - TIMESTAMP_BYTES : SMALLEST_MSS;
}

static bool hole_begins_at(const struct tca_side *side, uint32_t seq)
{
    for (unsigned at = 0; at < side->hole_count; at++)
        if (side->hole[at].from == seq)
            return true;
    return false;
}

/* Neither a full segment nor the end of a write, and the hole goes on behind it: its sender has learnt of a smaller MTU
 * and sends again in pieces. A router's word of that comes sooner than any of the receiver's. */
static bool is_piece(const struct step *s)
{
    return s->account.filled && !(s->seg->flags & TCA_PSH) && s->seg->len < full_segment(s) &&
           hole_begins_at(s->from, tca_segment_end(s->seg));
}

/* It fills a hole sooner than its receiver could have asked for it; or it bears the very time stamp of what overtook it,
 * although it comes some ticks of any usual clock later. */
static bool fills_too_soon(const struct step *s, const struct tca_trouble *t)
{
    if (s->account.newer || t->hole_in_pieces)
        return false;
    if (s->account.filled && s->account.same_clock && since(t->hole_ns, s->seg->time_ns) >= TICKS_NS)
        return true;
    int64_t whole = step_path_ns(s->m, TCA_CLIENT) + step_path_ns(s->m, TCA_SERVER);
    return s->account.filled && s->m->path_to_server_ns > 0 && s->m->ack_rtt_ns > 0 &&
           whole >= MEASURABLE_NS && since(t->hole_ns, s->seg->time_ns) < whole * 3 / 4;
}

static void overtaken(struct step *s, struct tca_trouble *t)
{
    bool old =
        !s->account.new_bytes && s->to->acked_known && seq_before_eq(tca_segment_end(s->seg), s->to->acked);
    bool copy = s->account.older_clock || is_network_copy(s);
    if (!s->account.new_bytes && carries(s->seg) && !copy)
        return; /* by its IP ID alone, which elsewhere is random */
    if (old && carries(s->seg)) {
        t->old_dup_count++;
        s->mark.roles |= TCA_MARK_OLD_DUP;
        return;
    }
    int64_t delay = s->account.filled ? since(t->hole_ns, s->seg->time_ns) : 0;
    t->gap_reordered += s->account.filled;
    t->reorder_count++;
    t->reorder_sure += s->account.older_clock;
    t->reorder_ns = later(t->reorder_ns, delay);
    s->mark.roles |= TCA_MARK_REORDERED;
}

/* ---- payload and FINs ---- */

/* Less than a full segment, and everything before it acknowledged: Nagle's algorithm holds what comes next. */
static bool is_alone(const struct step *s)
{
    uint32_t full =
        s->to->has_mss && s->to->mss > TIMESTAMP_BYTES ? s->to->mss - TIMESTAMP_BYTES : SMALLEST_MSS;
    return s->account.new_bytes == s->seg->len && s->seg->len < full && s->to->acked_known &&
           s->seg->seq == s->to->acked && !(s->seg->flags & TCA_FIN);
}

static int sent_new(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    bool alone = is_alone(s);
    bool held = from->held_us && alone &&
                since(from->una_ns, s->seg->time_ns) <= step_path_ns(s->m, s->from_role) + FOLLOWS_NS;
    bool full = to->edge_known && to->wscale_known && s->account.new_bytes &&
                tca_segment_end(s->seg) == to->right_edge;
    if (held || full) {
        struct tca_trouble *t = trouble_of(ctx, s->m);
        if (!t)
            return TCA_EMEMORY;
        t += s->from_role;
        t->stall_count += held;
        t->stall_ns += held ? from->held_us * INT64_C(1000) : 0;
        t->window_full_count += full;
        s->mark.roles |= held ? TCA_MARK_HELD : 0;
        s->mark.roles |= full && t->window_full_count == 1 ? TCA_MARK_WINDOW_FULL : 0;
    }
    from->held_us = 0;
    from->alone = alone;
    to->held_us = 0; /* an answer in payload: nothing was held back */
    return TCA_OK;
}

static bool is_fin_again(const struct step *s)
{
    return (s->seg->flags & TCA_FIN) && !s->seg->len && s->mark.copy > 1;
}

static int read_payload(struct tca_mirror_context *ctx, struct step *s)
{
    const struct tca_account *account = &s->account;
    bool again = account->retransmitted || account->filled || is_fin_again(s);
    if (again || account->late || account->opened) {
        struct tca_trouble *t = trouble_of(ctx, s->m);
        if (!t)
            return TCA_EMEMORY;
        t += s->from_role;
        t->hole_in_pieces |= is_piece(s);
        if (account->opened) {
            t->gap_count++;
            t->hole_ns = s->seg->time_ns;
            t->hole_in_pieces = false;
            s->mark.roles |= TCA_MARK_GAP;
        } else if (account->late || is_network_copy(s) || fills_too_soon(s, t)) {
            overtaken(s, t);
            return TCA_OK;
        } else if (again) {
            sent_again(s, t);
        }
    }
    s->from->sent_ns = s->seg->time_ns;
    s->from->news = false;
    return again || !s->seg->len ? TCA_OK : sent_new(ctx, s);
}

/* ---- probes ---- */

/* A probe's place among those that nothing has answered since. */
static void count_probe(const struct step *s, struct tca_trouble *t)
{
    const struct tca_side *to = s->to;
    bool answered = !t->probe_run || to->last_ns >= t->probe_last_ns;
    int64_t gap_ns = since(t->probe_last_ns, s->seg->time_ns);
    t->probe_gap_ns = t->probe_run ? gap_ns : 0;
    t->probe_run = answered ? 1 : t->probe_run + 1;
    t->probe_last_ns = s->seg->time_ns;
    t->probe_last_frame = s->seg->frame;
}

static void keepalive(struct step *s, struct tca_trouble *t)
{
    struct tca_side *from = s->from;
    count_probe(s, t);
    if (t->probe_run == 1) {
        int64_t idle_ns = since(s->to->last_ns, s->seg->time_ns);
        if (idle_ns >= LEAST_IDLE_NS && (!from->keepalive_idle_ns || idle_ns < from->keepalive_idle_ns))
            from->keepalive_idle_ns = idle_ns;
    } else if (!from->keepalive_interval_ns || t->probe_gap_ns < from->keepalive_interval_ns) {
        from->keepalive_interval_ns = t->probe_gap_ns;
    }
    if (t->probe_run > from->keepalive_unanswered)
        from->keepalive_unanswered = t->probe_run;
}

static void window_probe(struct step *s, struct tca_trouble *both)
{
    struct tca_trouble *t = &both[s->from_role];
    int64_t before_ns = t->probe_gap_ns;
    count_probe(s, t);
    bool even = t->probe_gap_ns >= TCA_SECOND && t->probe_gap_ns < BACKED_OFF_NS && before_ns &&
                t->probe_gap_ns - before_ns <= before_ns / 8 && before_ns - t->probe_gap_ns <= before_ns / 8;
    t->probe_even += even;
    s->from->window_probes++;
    both[1 - s->from_role].zero.count++;
    s->mark.roles |= TCA_MARK_WINDOW_PROBE;
}

static int read_probe(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_trouble *both = trouble_of(ctx, s->m);
    if (!both)
        return TCA_EMEMORY;
    if (s->account.keepalive)
        keepalive(s, &both[s->from_role]);
    else
        window_probe(s, both);
    return TCA_OK;
}

/* ---- windows ---- */

/* Times may go back in a file: then nothing is added, and a sum never wraps. */
static void add_zero_window(struct tca_side *side, int64_t until_ns)
{
    int64_t more = until_ns - side->zero_since_ns;
    if (more > 0)
        side->zero_ns = side->zero_ns < INT64_MAX - more ? side->zero_ns + more : INT64_MAX;
}

/* The window is open again, or the flow over. A time in which the peer probed counts before any other. */
static void end_closed(struct tca_trouble *t, int64_t until_ns, uint64_t frame)
{
    struct tca_spell *worst = &t->zero_worst;
    t->zero.end_ns = later(until_ns, t->zero.start_ns);
    t->zero.last_frame = frame;
    bool probed = t->zero.count > 0, worst_probed = worst->count > 0;
    bool longer = t->zero.end_ns - t->zero.start_ns > worst->end_ns - worst->start_ns;
    if (!worst->first_frame || (probed == worst_probed ? longer : probed))
        *worst = t->zero;
}

static int read_window(struct tca_mirror_context *ctx, struct step *s)
{
    struct tca_side *from = s->from;
    const struct tca_segment *seg = s->seg;
    if (!(seg->flags & TCA_ACK) || !seg->window == from->zero_open)
        return TCA_OK;
    struct tca_trouble *t = trouble_of(ctx, s->m);
    if (!t)
        return TCA_EMEMORY;
    t += s->from_role;
    from->zero_open = !seg->window;
    if (from->zero_open) {
        from->zero_since_ns = seg->time_ns;
        t->zero_count++;
        t->zero = (struct tca_spell){.start_ns = seg->time_ns, .first_frame = seg->frame};
        s->mark.roles |= TCA_MARK_ZERO_WINDOW;
    } else {
        add_zero_window(from, seg->time_ns);
        end_closed(t, seg->time_ns, seg->frame);
    }
    return TCA_OK;
}

/* ---- refusals ---- */

/* Refused as older than the newest time stamp, and the acknowledgment that answers (RFC 7323 section 5.3). */
static int read_paws(struct tca_mirror_context *ctx, struct step *s)
{
    const struct tca_mark *asked = &s->to->recent;
    if (s->acceptance == TCA_REJECT_PAWS && s->mark.receiver_state != TCA_TIME_WAIT) {
        s->to->paws_rejected++;
        s->mark.roles |= TCA_MARK_PAWS;
    }
    if ((asked->roles & TCA_MARK_PAWS) && step_is_pure_ack(s->seg) && s->seg->ack == s->from->recent.ack &&
        asked->frame > s->from->recent.frame) {
        struct tca_trouble *t = trouble_of(ctx, s->m);
        if (!t)
            return TCA_EMEMORY;
        t[s->from_role].paws_answered++;
        s->mark.roles |= TCA_MARK_PAWS_ACK;
    }
    return TCA_OK;
}

/* ---- every segment ---- */

static int read_sending(struct tca_mirror_context *ctx, struct step *s)
{
    if (s->account.keepalive || (s->account.probe && s->seg->len <= 1))
        return read_probe(ctx, s);
    if (carries(s->seg))
        return read_payload(ctx, s);
    if (s->account.late && trouble_of(ctx, s->m))
        overtaken(s, &s->m->trouble[s->from_role]);
    return s->account.late && !s->m->trouble ? TCA_EMEMORY : TCA_OK;
}

int tca_step_liveness(struct tca_mirror_context *ctx, struct step *s)
{
    if ((s->seg->flags & (TCA_SYN | TCA_RST)) || s->account.foreign)
        return TCA_OK;
    bool socket = s->mark.sender_state != TCA_SYN_RECV; /* a request's answer has no counter on Linux */
    s->from->challenge_count += (s->mark.roles & TCA_MARK_CHALLENGE) && socket;
    int error = read_ack(ctx, s);
    if (!error)
        error = read_sending(ctx, s);
    if (!error)
        error = read_window(ctx, s);
    return error ? error : read_paws(ctx, s);
}

void tca_liveness_finish(struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        struct tca_side *side = &m->side[role];
        if (!side->zero_open)
            continue;
        add_zero_window(side, m->last_ns);
        if (m->trouble)
            end_closed(&m->trouble[role], m->last_ns, 0);
    }
}
