/* SPDX-License-Identifier: MIT
 *
 * Payload that comes out of its order: sent again, and why; overtaken on the way; or doubled by the network.
 *
 * Why a segment is sent again is told by what its sender knew and how long it had been quiet. `quiet` is the time since the
 * timer was last set: since it last sent payload, or last had some acknowledged.
 *
 *      a loss told by SACK or three ACKs without progress, right after the peer's word     FAST
 *      quiet for a timer's time   the last payload, for the first time, SACK agreed on     TLP
 *                                 anything else                                            RTO
 *      after an RTO, what was outstanding then, as acknowledgments come in                 after RTO
 *      quiet for less             the last payload, for the first time                     TLP
 *                                 anything else, or sooner than any word could have come   unsure
 *
 * A probe is not backed off, a timeout is: a copy after twice the probe's interval shows that the probe was a timeout.
 *
 * Checked against Linux tcp_schedule_loss_probe(), tcp_send_loss_probe(), tcp_retransmit_timer(), tcp_simple_retransmit()
 * (5.10 to 7.2), RFC 6298, 8985.
 */
#include "base/seq32.h"
#include "mirror/step.h"

/* A recovery may wait a quarter of the path for what was merely reordered (RFC 8985 section 6.2), by a coarse timer. */
static const int64_t SETTLE_NS = 20 * TCA_MS;

/* Some ticks of a time stamp clock (1 ms each on the systems in use). */
static const int64_t TICKS_NS = 3 * TCA_MS;

/* A path shorter than this cannot tell reordering from a repetition by time. */
static const int64_t MEASURABLE_NS = 2 * TCA_MS;
enum { DUPLICATE_ACKS = 3 };

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
           step_since(s->to->last_ns, s->seg->time_ns) <= path + whole / 4 + SETTLE_NS;
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
           step_since(t->hole_ns, s->seg->time_ns) < step_path_ns(s->m, s->from_role) * 3 / 4;
}

/* A timer never runs for less than the path's time and its minimum together (tcp_input.c __tcp_set_rto); what a path took
 * once it may undercut by half. */
static int64_t least_rto_ns(const struct step *s)
{
    return TCA_MIN_RTO_NS + (step_path_ns(s->m, TCA_CLIENT) + step_path_ns(s->m, TCA_SERVER)) / 2;
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
    if (quiet_ns >= least_rto_ns(s))
        return WHY_RTO;
    return after_rto ? WHY_AFTER_RTO : WHY_UNSURE;
}

/* What passed for a probe was a timeout: the next interval is twice as long. What was sent anew meanwhile did not set the timer
 * again (tcp_event_new_data_sent), so then `quiet` is no interval. */
static void settle_probe(struct tca_side *from, struct tca_trouble *t, int64_t quiet_ns)
{
    bool doubled = t->tlp_gap_ns >= TCA_MIN_RTO_NS && quiet_ns >= t->tlp_gap_ns * 17 / 10 &&
                   quiet_ns <= t->tlp_gap_ns * 5 / 2;
    if (from->recovery == TCA_RECOVERY_TLP && doubled && from->retx_tlp &&
        from->recover_end == from->snd_nxt) {
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

void tca_step_sent_again(struct step *s, struct tca_trouble *t)
{
    struct tca_side *from = s->from;
    const struct tca_segment *seg = s->seg;
    int64_t set_ns = step_later(from->sent_ns, from->una_ns);
    int64_t quiet_ns = step_since(set_ns, seg->time_ns);
    count_again(s, t, why_again(s, t, quiet_ns), quiet_ns);
    note_ladder(s, t, set_ns >= 0 ? set_ns : seg->time_ns);
    t->again[t->again_count++ % TCA_AGAIN_MAX] =
        (struct tca_again){.seq = seg->seq,
                           .end = tca_segment_end(seg),
                           .tsval = seg->opt.tsval,
                           .has_ts = seg->opt.has_ts,
                           .first_waiting = s->to->acked_known && seg->seq == s->to->acked};
}

bool tca_step_hole_stays(const struct tca_mirror *m, int role, uint32_t seq)
{
    const struct tca_side *side = &m->side[role];
    const struct tca_trouble *t = m->trouble ? &m->trouble[role] : NULL;
    if (!side->fin_sent || side->sent_ns > side->fin_last_ns)
        return false;
    for (uint32_t at = 0; t && at < t->again_count && at < TCA_AGAIN_MAX; at++)
        if (seq_before_eq(t->again[at].seq, seq) && seq_before(seq, t->again[at].end))
            return false;
    return true;
}

/* ---- overtaken and doubled ---- */

/* The very segment that passed before: same IP ID (of a socket that counts), time stamp and all. */
static bool is_network_copy(const struct step *s)
{
    const struct tca_segment *seg = s->seg;
    unsigned same = 0;
    for (unsigned at = 0; seg->has_ip_id && seg->ip_id && at < TCA_SEEN_MAX; at++) {
        const struct tca_seen *seen = &s->from->seen[at];
        same += seen->flags == (seg->flags | TCA_SEEN_USED) && seen->ip_id == seg->ip_id &&
                seen->seq == seg->seq && seen->len == seg->len && seen->ack == seg->ack &&
                seen->tsval == seg->opt.tsval;
    }
    return same > 1; /* it is among them itself */
}

/* Sent twice: the same bytes passed just now with another time stamp, or without time stamps with another IP ID, and never
 * with these; or its IP ID is one that follows those seen so far. */
static bool was_sent_again(const struct step *s)
{
    const struct tca_segment *seg = s->seg;
    unsigned ids = 0, older = 0, alike = 0, unlike = 0;
    bool numbered = seg->has_ip_id && seg->ip_id;
    for (unsigned at = 0; at < TCA_SEEN_MAX; at++) {
        const struct tca_seen *seen = &s->from->seen[at];
        bool used = seen->flags & TCA_SEEN_USED;
        bool same =
            seen->flags == (seg->flags | TCA_SEEN_USED) && seen->seq == seg->seq && seen->len == seg->len;
        bool id = used && numbered && seen->ip_id && seen->ip_id != seg->ip_id;
        int16_t ahead = (int16_t)(seg->ip_id - seen->ip_id);
        bool differs = seg->opt.has_ts ? seen->tsval != seg->opt.tsval : id;
        unlike += same && differs;
        alike += same && !differs; /* it is among them itself */
        ids += id;
        older += id && ahead > 0 && ahead <= TCA_SEEN_MAX;
    }
    return alike <= 1 && (unlike || (ids > 1 && older == ids));
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
    return s->account.filled && !(s->seg->flags & TCA_PSH) &&
           s->seg->len < step_full_segment(s->from, s->to) &&
           hole_begins_at(s->from, tca_segment_end(s->seg));
}

/* It fills a hole sooner than its receiver could have asked for it; or it bears the very time stamp of what overtook it,
 * although it comes some ticks of any usual clock later. */
static bool fills_too_soon(const struct step *s, const struct tca_trouble *t)
{
    if (s->account.newer || t->hole_in_pieces)
        return false;
    if (s->account.filled && s->account.same_clock && step_since(t->hole_ns, s->seg->time_ns) >= TICKS_NS)
        return true;
    int64_t whole = step_path_ns(s->m, TCA_CLIENT) + step_path_ns(s->m, TCA_SERVER);
    return s->account.filled && s->m->path_to_server_ns > 0 && s->m->ack_rtt_ns > 0 &&
           whole >= MEASURABLE_NS && step_since(t->hole_ns, s->seg->time_ns) < whole * 3 / 4;
}

void tca_step_overtaken(struct step *s, struct tca_trouble *t)
{
    bool acked = s->to->acked_known && seq_before_eq(tca_segment_end(s->seg), s->to->acked);
    /* Where nothing of its receiver is in the capture, that it passed before is all there is to know. */
    bool unheard = !s->to->acked_known && !s->to->pkts;
    bool old = !s->account.new_bytes && (acked || unheard);
    bool copy = s->account.older_clock || is_network_copy(s);
    if (!s->account.new_bytes && step_carries(s->seg) && !copy)
        return; /* by its IP ID alone, which elsewhere is random */
    if (old && step_carries(s->seg) && !was_sent_again(s)) {
        t->old_dup_count++;
        s->mark.roles |= TCA_MARK_OLD_DUP;
        return;
    }
    int64_t delay = s->account.filled ? step_since(t->hole_ns, s->seg->time_ns) : 0;
    t->gap_reordered += s->account.filled && !acked; /* else it is one that the capture lacks */
    t->reorder_count++;
    t->reorder_sure += s->account.older_clock;
    t->reorder_ns = step_later(t->reorder_ns, delay);
    s->mark.roles |= TCA_MARK_REORDERED;
}

bool tca_step_was_overtaken(struct step *s, struct tca_trouble *t)
{
    t->hole_in_pieces |= is_piece(s);
    if (!s->account.late && !is_network_copy(s) && !fills_too_soon(s, t))
        return false;
    tca_step_overtaken(s, t);
    return true;
}
