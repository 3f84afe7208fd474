/* SPDX-License-Identifier: MIT
 *
 * The line of a stream's views: what the next segment of an open connection is held against, and all that it changes, together in
 * two cache lines.
 *
 *      segment --> is it the next one? --> numbers of the line move                     nearly always
 *                  else: settle the line --> each view takes the segment --> lend it anew
 *
 * While it is lent the numbers of both ends that the views have in common (next, acknowledged, newest time stamp) stand here,
 * and those in the views are old. What the views would make of a run of such segments is then the same as one of the last of
 * them, but for counts, which are kept: so it is told to them when somebody asks (tca_peers_settle). What moves a state or adds a
 * letter is no such segment; one that moves the middle of a clock is told to that at once. A build with check_ways lets the views take each segment as well, and
 * stops where they differ.
 */
#ifndef TCA_PEER_LINE_H
#define TCA_PEER_LINE_H

#include "decode/segment.h"

/* Sides are those of the key. All numbers are absolute; none wraps while the line is lent. */
struct tca_line_end {
    int64_t last_ns; /* of its clock: the newest stamp that counted */
    int64_t turn_ns; /* of its clock: a stamp of this time or a later one moves more than the newest */
    uint32_t next;   /* number of the next byte it sends */
    uint32_t limit;  /* no number of it goes beyond that */
    uint32_t ack;    /* what it acknowledged last */
    uint32_t whole;  /* all of it below that was seen, or is given up */
    uint32_t gaps;   /* so many gaps in it may be given up without a letter */
    uint32_t tsval;  /* newest stamp that counted */
    uint32_t ticks;  /* of the clock, since the line was lent */
    uint32_t good;   /* checksums, since the line was lent */
};

/* All zero: not lent. */
struct tca_line {
    struct tca_line_end end[2];
    bool takes_data[2],
        takes_acks[2]; /* payload of that side, bare acknowledgments: nothing new in the history */
    uint8_t last_side; /* that sent the newest */
    bool lent, moved;  /* moved: it took a segment */
};

/* The stamp of a segment that the line took. False: it moves more of the clock than its newest, and nothing was done. */
static inline bool tca_line_tick(struct tca_line_end *from, const struct tca_segment *seg)
{
    uint32_t tick = seg->opt.tsval - from->tsval;
    if (seg->time_ns >= from->turn_ns || from->ticks > INT32_MAX)
        return false;
    if (seg->time_ns < from->last_ns || tick > INT32_MAX)
        return true; /* an older one */
    from->ticks += tick;
    from->tsval = seg->opt.tsval;
    from->last_ns = seg->time_ns;
    return true;
}

/* True: it was the next segment, and the line took it, but for its stamp; else nothing was done. Here, since nearly every segment
 * comes here. */
static inline bool tca_line_take(struct tca_line *line, const struct tca_segment *seg, int side)
{
    struct tca_line_end *from = &line->end[side], *to = &line->end[1 - side];
    bool bare = (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_ACK)) == TCA_ACK && seg->window;
    bool expected = seg->len ? line->takes_data[side] : line->takes_acks[side];
    if (!bare || !expected || seg->checksum == TCA_CHECKSUM_BAD)
        return false;
    bool whole = seg->len && seg->captured >= seg->len, gap = seg->ack > to->whole;
    if (seg->seq != from->next || seg->len > from->limit - from->next || seg->ack < from->ack ||
        seg->ack > to->limit || (whole && from->next > from->whole) || (gap && !to->gaps))
        return false;
    from->next += seg->len;
    from->ack = seg->ack;
    if (gap) {
        to->gaps--;
        to->whole = seg->ack;
    }
    if (whole && from->next > from->whole)
        from->whole = from->next;
    from->good += seg->checksum == TCA_CHECKSUM_GOOD;
    line->last_side = (uint8_t)side;
    line->moved = true;
    return true;
}

#endif
