/* SPDX-License-Identifier: MIT
 *
 * Sequence accounting with a short list of holes, and the receiver's tests.
 *
 * Invariants: snd_nxt is the highest end that this side sent or that its peer acknowledged; holes are
 * disjoint, ascending, below snd_nxt, at most TCA_HOLES_MAX (more: holes_full, counts become lower bounds).
 * Only the scaled window counts (RFC 7323 section 2.2) and only the largest right edge ever advertised: a
 * receiver must not shrink it. Everything is modulo 2^32.
 */
#include "mirror/sequence.h"

#include "base/seq32.h"
#include "mirror/deviations.h"

#include <string.h>

/* Farther than this from what is known, a number is not this connection's: 2^30 is the largest window there
 * is. */
enum { FAR = 1 << 30, UNSCALED_WINDOW = 65535 };

static uint32_t receive_next(const struct tca_side *from, const struct tca_side *to)
{
    return to->acked_known ? to->acked : from->iss_known ? from->iss + 1 : from->snd_nxt;
}

uint32_t tca_sequence_contiguous(const struct tca_side *side)
{
    return side->hole_count ? side->hole[0].from : side->snd_nxt;
}

static bool in_window(const struct tca_side *from, const struct tca_side *to, const struct tca_segment *seg)
{
    if (!to->edge_known || !to->wscale_known || !(to->acked_known || from->iss_known))
        return true; /* nothing to test against */
    uint32_t next = receive_next(from, to);
    uint32_t end = tca_segment_end(seg);
    return seq_after_eq(end, next) && seq_before_eq(seg->seq, seq_max(to->right_edge, next));
}

static bool bad_checksum(const struct tca_side *from, const struct tca_segment *seg)
{
    return seg->checksum == TCA_CHECKSUM_BAD &&
           tca_bad_checksums_count(from->good_checksums, from->bad_checksums);
}

static bool paws_old(const struct tca_side *to, const struct tca_segment *seg)
{
    return to->ts_on && seg->opt.has_ts && to->ts_recent_ns >= 0 &&
           seg->time_ns - to->ts_recent_ns < TCA_PAWS_VALID_NS &&
           seq_diff(to->ts_recent, seg->opt.tsval) > TCA_PAWS_TICKS;
}

/* RFC 5961 section 5.2: nothing beyond what was sent, nothing older than the largest window. What the capture
 * has not seen being sent cannot be told from a gap, within reason. */
static bool bad_ack(const struct tca_side *from, const struct tca_side *to, const struct tca_segment *seg)
{
    if (!(seg->flags & TCA_ACK))
        return false;
    if (to->nxt_known && seq_after(seg->ack, to->snd_nxt))
        return seq_diff(seg->ack, to->snd_nxt) > FAR;
    if (!from->acked_known || !from->edge_known)
        return false;
    int32_t window = seq_diff(from->right_edge, from->acked);
    return seq_diff(from->acked, seg->ack) > (window > UNSCALED_WINDOW ? window : UNSCALED_WINDOW);
}

enum tca_acceptance tca_sequence_accept(const struct tca_side *from, const struct tca_side *to,
                                        const struct tca_segment *seg)
{
    if (bad_checksum(from, seg))
        return TCA_REJECT_CHECKSUM;
    if (paws_old(to, seg))
        return TCA_REJECT_PAWS;
    if (!in_window(from, to, seg))
        return TCA_REJECT_WINDOW;
    return bad_ack(from, to, seg) ? TCA_REJECT_ACK : TCA_ACCEPTED;
}

/* RFC 9293 section 3.10.7.3: in SYN-SENT an RST counts only with an acknowledgment of the SYN. */
static enum tca_rst_fit fit_syn_sent(const struct tca_side *to, const struct tca_segment *seg)
{
    bool acks_syn =
        (seg->flags & TCA_ACK) && seq_after(seg->ack, to->iss) && seq_before_eq(seg->ack, to->snd_nxt);
    return acks_syn ? TCA_RST_EXACT : TCA_RST_OUTSIDE;
}

enum tca_rst_fit tca_sequence_rst_fit(const struct tca_side *from, const struct tca_side *to,
                                      const struct tca_segment *seg, bool expects_all)
{
    enum tca_state state = tca_side_state(to);
    if (bad_checksum(from, seg))
        return TCA_RST_OUTSIDE;
    if (state == TCA_SYN_SENT)
        return fit_syn_sent(to, seg);
    if (!to->acked_known && !from->nxt_known)
        return TCA_RST_BLIND;
    if (state == TCA_TIME_WAIT && paws_old(to, seg))
        return TCA_RST_OUTSIDE; /* PAWS applies to an RST only here: tcp_timewait_state_process */
    /* RCV.NXT lies between what the receiver has acknowledged and what was sent to it. */
    uint32_t low = receive_next(from, to);
    uint32_t high = from->nxt_known && seq_after(from->snd_nxt, low) ? from->snd_nxt : low;
    if (expects_all && !from->hole_count)
        low = high;
    if (state == TCA_CLOSE_WAIT || state == TCA_LAST_ACK || state == TCA_CLOSING)
        low--;
    if (seq_within(seg->seq, low, high))
        return TCA_RST_EXACT;
    if (to->edge_known && seq_after(seg->seq, high) && seq_before_eq(seg->seq, to->right_edge))
        return TCA_RST_IN_WINDOW;
    return TCA_RST_OUTSIDE;
}

static void add_hole(struct tca_side *side, uint32_t from, uint32_t to)
{
    struct tca_hole *last = side->hole_count ? &side->hole[side->hole_count - 1] : NULL;
    if (last && last->to == from) { /* what the peer acknowledges of a direction that was not captured */
        last->to = to;
        return;
    }
    if (side->hole_count == TCA_HOLES_MAX) {
        side->holes_full = true;
        return;
    }
    side->hole[side->hole_count++] = (struct tca_hole){from, to};
}

/* Take [start, end) out of hole `at`; returns the bytes taken. May split it in two, or remove it. */
static uint32_t fill_hole(struct tca_side *side, unsigned at, uint32_t start, uint32_t end)
{
    struct tca_hole *hole = &side->hole[at];
    uint32_t low = seq_max(start, hole->from), high = seq_before(end, hole->to) ? end : hole->to;
    if (seq_after_eq(low, high))
        return 0;
    uint32_t taken = high - low;
    struct tca_hole rest = {high, hole->to};
    hole->to = low;
    bool keep_left = hole->from != hole->to, keep_right = rest.from != rest.to;
    if (keep_left && keep_right) {
        if (side->hole_count == TCA_HOLES_MAX) {
            side->holes_full = true;
            return taken;
        }
        memmove(hole + 2, hole + 1, (side->hole_count - at - 1u) * sizeof *hole);
        hole[1] = rest;
        side->hole_count++;
    } else if (keep_right) {
        *hole = rest;
    } else if (!keep_left) {
        memmove(hole, hole + 1, (side->hole_count - at - 1u) * sizeof *hole);
        side->hole_count--;
    }
    return taken;
}

static uint32_t fill_holes(struct tca_side *side, uint32_t start, uint32_t end)
{
    uint32_t taken = 0;
    for (unsigned at = side->hole_count; at-- > 0;)
        taken += fill_hole(side, at, start, end);
    return taken;
}

/* Payload [start, end): how much of it was never seen. */
static uint32_t take_payload(struct tca_side *side, uint32_t start, uint32_t end, struct tca_account *account)
{
    if (!side->nxt_known) {
        side->nxt_known = true;
        side->snd_nxt = end;
        return end - start;
    }
    uint32_t fresh = fill_holes(side, start, end);
    account->filled = fresh > 0;
    if (seq_after(end, side->snd_nxt)) {
        account->opened = seq_after(start, side->snd_nxt);
        if (account->opened)
            add_hole(side, side->snd_nxt, start);
        fresh += end - seq_max(start, side->snd_nxt);
        side->snd_nxt = end;
    }
    return fresh;
}

/* Holes of `to` that nobody had acknowledged before. Once the receiver has what is in them it was not lost on the way. */
static uint8_t passed_over(const struct tca_side *from, const struct tca_side *to, uint32_t ack)
{
    unsigned count = 0;
    for (unsigned at = 0; at < to->hole_count; at++)
        count += seq_before_eq(to->hole[at].to, ack) &&
                 (!from->acked_known || seq_after(to->hole[at].to, from->acked));
    return (uint8_t)count;
}

/* The peer acknowledged what the capture never showed: the hole says so. */
static void take_ack(struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                     const struct tca_segment *seg, struct tca_account *account)
{
    if (!to->nxt_known) {
        to->nxt_known = true;
        to->snd_nxt = seg->ack;
    } else if (seq_diff(seg->ack, to->snd_nxt) > FAR) {
        return;
    } else {
        account->passed_over = passed_over(from, to, seg->ack);
    }
    if (seq_after(seg->ack, to->snd_nxt)) {
        add_hole(to, to->snd_nxt, seg->ack);
        to->snd_nxt = seg->ack;
        m->damage |= TCA_DAMAGE_GAP;
        account->unseen = true;
    }
    if (!from->acked_known || seq_after(seg->ack, from->acked)) {
        account->advanced = from->acked_known;
        from->acked = seg->ack;
        from->acked_known = true;
        to->rto_run = 0;
    }
}

/* A probe repeats the byte before SND.NXT, or carries none at all from there (RFC 9293
 * sections 3.8.4, 3.8.6.1). */
static bool probe_shape(const struct tca_side *from, const struct tca_segment *seg)
{
    return from->nxt_known && !(seg->flags & (TCA_SYN | TCA_FIN | TCA_RST)) && seg->len <= 1 &&
           seg->seq == from->snd_nxt - 1 && !from->fin_sent;
}

/* Built before the sender's last segment: overtaken on the way, not sent again (IP IDs of one socket count up
 * on Linux; elsewhere they may be random, so the ID alone never outweighs a newer time stamp or a timer's
 * interval). */
static bool older(const struct tca_side *from, const struct tca_segment *seg)
{
    bool newer = seg->time_ns - from->last_ns >= TCA_MIN_RTO_NS ||
                 (seg->opt.has_ts && from->ts_on && seq_after(seg->opt.tsval, from->tsval_last));
    bool by_id = !newer && seg->has_ip_id && seg->ip_id && from->last_ip_id &&
                 (int16_t)(uint16_t)(seg->ip_id - from->last_ip_id) < 0;
    bool by_ts = seg->opt.has_ts && from->ts_on && seq_before(seg->opt.tsval, from->tsval_last);
    return by_id || by_ts;
}

/* Built after the sender's last segment: by a newer time stamp, or an IP ID counted on. */
static bool newer(const struct tca_side *from, const struct tca_segment *seg)
{
    bool by_id = seg->has_ip_id && seg->ip_id && from->last_ip_id &&
                 (int16_t)(uint16_t)(seg->ip_id - from->last_ip_id) > 0;
    bool by_ts = seg->opt.has_ts && from->ts_on && seq_after(seg->opt.tsval, from->tsval_last);
    return by_id || by_ts;
}

/* Not the next thing that its sender had to say. */
static bool behind(const struct tca_side *from, const struct tca_segment *seg)
{
    if (from->nxt_known && seq_before(seg->seq, from->snd_nxt))
        return true;
    return !seg->len && !(seg->flags & TCA_FIN) && (seg->flags & TCA_ACK) && from->acked_known &&
           seq_before(seg->ack, from->acked);
}

/* What passed lately bears the same payload with an older time stamp: so it was sent again, whatever overtook it then. */
static bool sent_anew(const struct tca_side *from, const struct tca_segment *seg)
{
    if (!seg->len || !seg->opt.has_ts || !from->ts_on || seq_before(seg->opt.tsval, from->tsval_last))
        return false;
    for (unsigned at = 0; at < TCA_SEEN_MAX; at++) {
        const struct tca_seen *seen = &from->seen[at];
        if (seen->flags == (seg->flags | TCA_SEEN_USED) && seen->seq == seg->seq && seen->len == seg->len &&
            seq_before(seen->tsval, seg->opt.tsval))
            return true;
    }
    return false;
}

static void account_order(const struct tca_side *from, const struct tca_segment *seg,
                          struct tca_account *account)
{
    bool clock = seg->opt.has_ts && from->ts_on;
    account->late = older(from, seg) && !sent_anew(from, seg);
    account->newer = newer(from, seg);
    account->older_clock = clock && seq_before(seg->opt.tsval, from->tsval_last);
    account->same_clock = clock && seg->opt.tsval == from->tsval_last;
}

/* Nothing is outstanding, and its sender says the number before the next one (RFC 9293 section 3.8.4), not sooner than a timer
 * does. Since what it sent last, or, if this is no copy of that, since its last payload: where both ends probe, each answers the
 * other in between. */
static bool is_keepalive(const struct tca_side *from, const struct tca_side *to,
                         const struct tca_segment *seg)
{
    if (to->zero_open || from->last_ns < 0 || !to->acked_known || to->acked != from->snd_nxt)
        return false;
    bool said = seg->len || from->last_data_ns < 0 || !newer(from, seg);
    return seg->time_ns - (said ? from->last_ns : from->last_data_ns) >= TCA_SECOND;
}

static void account_payload(struct tca_side *from, const struct tca_side *to, const struct tca_segment *seg,
                            struct tca_account *account)
{
    uint32_t start = seg->seq + ((seg->flags & TCA_SYN) ? 1 : 0), end = start + seg->len;
    if (probe_shape(from, seg) && !(seg->len && from->iss_known && from->snd_nxt == from->iss + 2)) {
        account->probe = to->zero_open;
        account->keepalive = is_keepalive(from, to, seg);
        if (account->probe || account->keepalive) {
            from->odd_payload |= seg->len > 0;
            return;
        }
    }
    if (to->zero_open && seg->len == 1 && to->edge_known && seg->seq == to->right_edge)
        account->probe = true; /* BSD and Windows probe with the next byte */
    account->new_bytes = take_payload(from, start, end, account);
    account->retransmitted = seg->len && !account->new_bytes && !account->late;
    from->odd_payload |= account->new_bytes < seg->len && !account->retransmitted;
    /* One FIN ends the stream: of two at different places the one in order is it. */
    bool in_order = !from->fin_acked_by_peer && end == tca_sequence_contiguous(from);
    if ((seg->flags & TCA_FIN) && (!from->fin_sent || in_order)) {
        from->fin_seq = end;
        fill_holes(from, end, end + 1); /* a bare ACK may have passed before it, behind a FIN that was lost */
        from->snd_nxt = seq_max(from->snd_nxt, end + 1);
    }
}

/* The ladder of the retransmission timer: the same payload again and again, never closer than the smallest
 * timer. A burst of different segments is a recovery, not a ladder. */
static void account_ladder(struct tca_side *from, const struct tca_segment *seg, bool retransmitted)
{
    if (!retransmitted) {
        if (seg->len)
            from->rto_run = 0;
        return;
    }
    if (!from->rto_run || seg->seq != from->rto_seq) {
        from->rto_run = 1;
        from->rto_gap_ns = 0;
        from->rto_seq = seg->seq;
    } else if (seg->time_ns - from->rto_last_ns < TCA_MIN_RTO_NS) {
        return;
    } else {
        from->rto_gap_ns = tca_interval(from->rto_last_ns, seg->time_ns);
        from->rto_run++;
    }
    from->rto_last_ns = seg->time_ns;
}

/* Did payloads of this size arrive? Of those larger than any that did the oldest is watched; once it goes again in
 * smaller pieces, or part of it is acknowledged, its size says nothing any more. */
void tca_sequence_size(struct tca_side *from, const struct tca_segment *seg)
{
    uint32_t end = tca_segment_end(seg);
    uint16_t len = seg->len > UINT16_MAX ? UINT16_MAX : (uint16_t)seg->len;
    bool inside =
        from->big_len && seq_after(end, from->big_end - from->big_len) && seq_before(seg->seq, from->big_end);
    if (inside && len < from->big_len)
        from->big_len = 0;
    if (len <= from->passed_len || from->big_len || seg->flags & TCA_SYN)
        return;
    from->big_end = seg->seq + seg->len;
    from->big_len = len;
}

void tca_sequence_size_acked(struct tca_side *to, const struct tca_segment *seg)
{
    if (!to->big_len || seq_before_eq(seg->ack, to->big_end - to->big_len))
        return;
    if (seq_after_eq(seg->ack, to->big_end) && to->big_len > to->passed_len)
        to->passed_len = to->big_len;
    to->big_len = 0;
}

/* A block that is shorter than what is missing before it cannot hold a piece of that size. */
static void account_size_sacked(struct tca_side *to, const struct tca_segment *seg)
{
    for (unsigned at = 0; to->big_len && at < seg->opt.sack_count; at++) {
        uint32_t left = seg->opt.sack[at][0], right = seg->opt.sack[at][1];
        if (seq_before(left, seg->ack) || seq_after(right, to->snd_nxt))
            continue; /* D-SACK, or nonsense */
        if (right - left >= to->big_len && to->big_len > to->passed_len) {
            to->passed_len = to->big_len;
            to->big_len = 0;
        } else if (seq_after_eq(left, to->big_end)) {
            to->small_passed = true;
        }
    }
}

static bool of_older_connection(const struct tca_side *to, const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_RST | TCA_ACK)) == TCA_ACK && to->iss_known && !to->iss_inferred &&
           seq_before_eq(seg->ack, to->iss);
}

/* SYN and FIN in one, with another number than its sender's SYN, in a connection that is open: a probe. A SYN in a
 * synchronized state draws a challenge ACK and nothing of the segment counts (RFC 9293 section 3.10.7.4). */
static bool is_syn_probe(const struct tca_side *from, const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_FIN | TCA_RST | TCA_ACK)) == (TCA_SYN | TCA_FIN) && from->iss_known &&
           seg->seq != from->iss && tca_state_synchronized(tca_side_state(from));
}

static bool is_far(const struct tca_side *from, const struct tca_segment *seg)
{
    return from->nxt_known && !(seg->flags & (TCA_SYN | TCA_RST)) &&
           (seq_diff(seg->seq, from->snd_nxt) > FAR || seq_diff(seg->seq, from->snd_nxt) < -FAR);
}

struct tca_account tca_sequence_account(struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                                        const struct tca_segment *seg)
{
    struct tca_account account = {.older = of_older_connection(to, seg)};
    account.foreign = account.older || is_far(from, seg) || is_syn_probe(from, seg);
    if (account.foreign)
        return account;
    bool other_isn =
        (seg->flags & TCA_SYN) && (seg->flags & TCA_ACK) && from->synack_count && seg->seq != from->iss;
    if ((seg->flags & TCA_RST) || other_isn)
        return account;
    /* The number of a bare ACK before the first SYN (split handshake) was no place in its sequence space. */
    bool first_syn = (seg->flags & TCA_SYN) && !from->syn_count && !from->synack_count && !from->bytes;
    if ((seg->flags & TCA_SYN) && (!from->nxt_known || first_syn)) {
        from->nxt_known = true;
        from->snd_nxt = seg->seq + 1;
        from->hole_count = 0;
    }
    if (behind(from, seg))
        account_order(from, seg, &account);
    account_payload(from, to, seg, &account);
    account_ladder(from, seg, account.retransmitted);
    if (tca_sequence_is_sized(from, seg))
        tca_sequence_size(from, seg);
    if (seg->flags & TCA_ACK) {
        if (to->big_len) {
            tca_sequence_size_acked(to, seg);
            account_size_sacked(to, seg);
        }
        take_ack(m, from, to, seg, &account);
        tca_sequence_window(from, seg);
    }
    tca_sequence_timestamps(from, to, seg, account.late);
    from->bytes += account.new_bytes;
    from->retx_pkts += account.retransmitted;
    from->keepalive_count += account.keepalive;
    return account;
}
