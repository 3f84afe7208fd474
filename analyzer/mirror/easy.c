/* SPDX-License-Identifier: MIT
 *
 * The short way of most segments: the next payload, or an acknowledgment of more, in a connection that is open at both ends
 * and in no trouble. Nothing that event.c would do for it moves a state or leaves a mark, so only what it counts is done.
 *
 * Whether a connection is that calm is found at the end of each segment that took the long way, once for all that follow:
 * the short way changes nothing of it. The two ways must leave the same mirror behind; a build with the option
 * check_ways goes both, on a copy, and stops where they differ.
 */
#include "base/seq32.h"
#include "mirror/step.h"

static bool is_open(const struct tca_side *side)
{
    const struct tca_step *top = tca_history_top(side);
    return top && top->state == TCA_ESTABLISHED && top->proved && !side->alternative && !side->fin_sent;
}

/* Nothing outstanding that was skipped or sent again, no closed window, and all is known that decides about the next one. */
static bool is_in_order(const struct tca_side *side)
{
    return side->nxt_known && side->acked_known && side->edge_known && !side->hole_count && !side->rto_run &&
           !side->zero_open && !side->sacked && !side->recovery;
}

static bool took_all(const struct tca_side *side)
{
    const struct tca_mark *recent = &side->recent;
    return recent->frame && !(recent->flags & TCA_RST) && !recent->refusal && side->stray.time_ns < 0;
}

static bool is_calm(const struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &m->side[role];
        if (!is_open(side) || !is_in_order(side) || !took_all(side))
            return false;
    }
    return (m->child_proved || m->first_synack_ns < 0);
}

void tca_step_note_calm(struct tca_mirror *m)
{
    m->calm = is_calm(m);
    m->echoes = m->calm && m->trouble ? tca_step_echoes(m) : 0;
}

/* Nothing but ACK, and perhaps PSH; ECN's bits mean nothing here. */
static bool is_bare(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_URG | TCA_ACK)) == TCA_ACK && seg->window &&
           !seg->opt.sack_count;
}

/* Not damaged, as far as its checksum tells: a bad one may mean nothing of this end. */
static bool is_sound(const struct tca_side *from, const struct tca_segment *seg, bool strict_checksums)
{
    return seg->checksum != TCA_CHECKSUM_BAD ||
           (!strict_checksums && !tca_bad_checksums_count(from->good_checksums, from->bad_checksums + 1));
}

/* The very next of its sender, not the first, that its receiver has room for. */
static bool is_next(const struct tca_side *from, const struct tca_side *to, const struct tca_segment *seg)
{
    bool more = seg->len ? from->bytes > 0 : seg->ack != from->acked;
    bool fits = !to->wscale_known || seq_before(seg->seq + seg->len, to->right_edge);
    return seg->seq == from->snd_nxt && more && fits && seq_before_eq(from->acked, seg->ack) &&
           seq_before_eq(seg->ack, to->snd_nxt);
}

/* Time stamps as agreed on, none older than the newest. */
static bool is_in_time(const struct tca_side *to, const struct tca_segment *seg)
{
    return !seg->opt.has_ts || to->ts_recent_ns < 0 || seq_after_eq(seg->opt.tsval, to->ts_recent);
}

static void count(struct tca_mirror *m, struct tca_side *from, const struct tca_segment *seg)
{
    from->pkts++;
    from->last_ns = seg->time_ns;
    m->last_frame = from->last_frame = seg->frame;
    from->ttl = seg->ttl;
    from->last_ip_id = seg->ip_id;
    if (seg->time_ns > m->last_ns)
        m->last_ns = seg->time_ns;
}

/* Before anything of it moves the numbers. */
static void note_newest(struct tca_side *from, const struct tca_side *to, const struct tca_segment *seg)
{
    from->newest = (struct tca_newest){.peer_end = to->snd_nxt,
                                       .peer_acked = to->acked,
                                       .len = seg->len,
                                       .tsecr = seg->opt.tsecr,
                                       .flags = seg->flags,
                                       .window = seg->window,
                                       .checksum = seg->checksum,
                                       .has_ts = seg->opt.has_ts,
                                       .has_ip_id = seg->has_ip_id,
                                       .due = true};
}

/* What it acknowledges for the first time. */
static void take_ack(const struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                     const struct tca_segment *seg)
{
    if (seg->ack == from->acked)
        return;
    from->acked = seg->ack;
    if (!seg->len && seg->ack == to->snd_nxt)
        tca_step_delayed_ack(m, from, to, seg);
    to->una_ns = seg->time_ns;
    to->news = true;
    to->dup_acks = 0;
}

static void take_payload(struct tca_side *from, struct tca_side *to, const struct tca_segment *seg)
{
    if (!seg->len)
        return;
    if (step_is_paused(from, to, seg))
        from->paused++;
    from->snd_nxt += seg->len;
    from->bytes += seg->len;
    from->last_data_ns = from->sent_ns = seg->time_ns;
    from->news = false;
    from->alone = step_is_alone(from, to, seg);
    to->held_us = 0;
}

bool tca_step_calm(struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                   const struct tca_segment *seg, bool strict_checksums)
{
    if (!is_bare(seg) || !is_sound(from, seg, strict_checksums) || !is_next(from, to, seg) ||
        !is_in_time(to, seg) || from->held_us ||
        ((m->echoes >> step_role(m, from) & 1) && tca_step_echo_tells(m, seg, from)))
        return false;
    step_note_damage(m, seg, to);
    step_note_nearness(from, seg);
    if (!strict_checksums) /* else each bad one counts, whatever the others are */
        from->good_checksums += seg->checksum == TCA_CHECKSUM_GOOD;
    if (seg->checksum == TCA_CHECKSUM_BAD)
        from->bad_checksums++;
    step_remember(from, seg);
    note_newest(from, to, seg);
    count(m, from, seg);
    if (tca_sequence_is_sized(from, seg))
        tca_sequence_size(from, seg);
    if (to->big_len)
        tca_sequence_size_acked(to, seg);
    take_ack(m, from, to, seg);
    tca_sequence_window(from, seg);
    tca_sequence_timestamps(from, to, seg, false);
    take_payload(from, to, seg);
    return true;
}

/* The mark of the newest segment, as tca_mark_of() would have made it: what a calm connection does not tell is zero. */
static void settle(struct tca_side *side, int role)
{
    const struct tca_newest newest = side->newest;
    uint32_t seq = side->snd_nxt - newest.len;
    side->recent = (struct tca_mark){.time_ns = side->last_ns,
                                     .frame = side->last_frame,
                                     .seq = seq,
                                     .ack = side->acked,
                                     .len = newest.len,
                                     .tsval = newest.has_ts ? side->tsval_last : 0,
                                     .tsecr = newest.tsecr,
                                     .sent_end = seq,
                                     .peer_end = newest.peer_end,
                                     .peer_acked = newest.peer_acked,
                                     .flags = newest.flags,
                                     .window = newest.window,
                                     .ip_id = side->last_ip_id,
                                     .ttl = side->ttl,
                                     .side = (uint8_t)role,
                                     .sender_state = TCA_ESTABLISHED,
                                     .receiver_state = TCA_ESTABLISHED,
                                     .has_ts = newest.has_ts,
                                     .has_ip_id = newest.has_ip_id,
                                     .checksum = newest.checksum,
                                     .new_data = newest.len > 0};
    side->newest = (struct tca_newest){0};
}

void tca_mirror_settle(struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++)
        if (m->side[role].newest.due)
            settle(&m->side[role], role);
}
