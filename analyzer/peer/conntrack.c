/* SPDX-License-Identifier: MIT
 *
 * The kernel's table, and what stands around it in nf_conntrack_tcp_packet(): segments that are passed over because the
 * entry may be out of step, an entry that is taken away and made anew, a RST that must fit.
 */
#include "peer/conntrack.h"

#include "base/apart.h"
#include "base/seq32.h"

#include <stdlib.h>
#include <string.h>

enum index { SYN, SYNACK, FIN, ACK, RST, NONE, INDEXES };

/* clang-format off */            /* tcp_conntracks[]; iv refuses, ig passes over */
enum { no, ss, sr, es, fw, cw, la, tw, cl, s2, iv, ig };
static const uint8_t table[2][INDEXES][TCA_CONNTRACK_STATES] = {
    {   /* original     no  ss  sr  es  fw  cw  la  tw  cl  s2 */
        [SYN]       = { ss, ss, ig, ig, ig, ig, ig, ss, ss, s2 },
        [SYNACK]    = { iv, iv, sr, iv, iv, iv, iv, iv, iv, sr },
        [FIN]       = { iv, iv, fw, fw, la, la, la, tw, cl, iv },
        [ACK]       = { es, iv, es, es, cw, cw, tw, tw, cl, iv },
        [RST]       = { iv, cl, cl, cl, cl, cl, cl, cl, cl, cl },
        [NONE]      = { iv, iv, iv, iv, iv, iv, iv, iv, iv, iv },
    }, {/* reply        no  ss  sr  es  fw  cw  la  tw  cl  s2 */
        [SYN]       = { iv, s2, iv, iv, iv, iv, iv, ss, iv, s2 },
        [SYNACK]    = { iv, sr, ig, ig, ig, ig, ig, ig, ig, sr },
        [FIN]       = { iv, iv, fw, fw, la, la, la, tw, cl, iv },
        [ACK]       = { iv, ig, sr, es, cw, cw, tw, tw, cl, ig },
        [RST]       = { iv, cl, cl, cl, cl, cl, cl, cl, cl, cl },
        [NONE]      = { iv, iv, iv, iv, iv, iv, iv, iv, iv, iv },
    },
};
/* clang-format on */

static enum index index_of(const struct tca_segment *seg)
{
    if (seg->flags & TCA_RST)
        return RST;
    if (seg->flags & TCA_SYN)
        return seg->flags & TCA_ACK ? SYNACK : SYN;
    return seg->flags & TCA_FIN ? FIN : seg->flags & TCA_ACK ? ACK : NONE;
}

/* tcp_error(): combinations of flags that no entry ever sees. */
static bool refused_before(const struct tca_segment *seg)
{
    const uint64_t valid = 1ull << TCA_SYN | 1ull << (TCA_SYN | TCA_URG) | 1ull << (TCA_SYN | TCA_ACK) |
                           1ull << TCA_RST | 1ull << (TCA_RST | TCA_ACK) | 1ull << (TCA_FIN | TCA_ACK) |
                           1ull << (TCA_FIN | TCA_ACK | TCA_URG) | 1ull << TCA_ACK |
                           1ull << (TCA_ACK | TCA_URG);
    return !(valid >> (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_ACK | TCA_URG)) & 1);
}

static void begin(struct tca_conntrack *e, int side)
{
    memset(e, 0, sizeof *e);
    e->original = (uint8_t)side;
    e->last_index = NONE;
}

/* It is closed, and its closing was seen: the SYN gets an entry of its own. */
static bool reopens(const struct tca_conntrack *e, uint8_t next, int side)
{
    return next == ss && e->state >= tw && (e->close_begun || (e->last_side == side && e->last_index == RST));
}

/* The entry may be out of step with both ends; if so, what they answer tells. True: it is in step again. */
static bool pass_over(struct tca_conntrack *e, const struct tca_segment *seg, enum index index, int side)
{
    if (index == SYNACK && e->last_index == SYN && e->last_side != side && seg->ack == e->last_end) {
        e->close_begun = false;
        e->max_ack_known[0] = e->max_ack_known[1] = false;
        return true;
    }
    e->last_index = (uint8_t)index;
    e->last_side = (uint8_t)side;
    e->last_end = tca_segment_end(seg);
    if (index == SYN && side == e->original)
        e->challenge = e->state == la;
    return false;
}

enum reset { RESET_REFUSED, RESET_CLOSES, RESET_CHANGES_NOTHING };

static enum reset judge_reset(const struct tca_conntrack *e, const struct tca_segment *seg, int side)
{
    uint32_t max_ack = e->max_ack[1 - side];
    if (!e->max_ack_known[1 - side] || e->state > es)
        return RESET_CLOSES;
    if (seq_before(seg->seq, max_ack))
        return RESET_REFUSED;
    bool train = e->last_index == ACK && e->last_side == side && seg->seq == e->last_end;
    return !e->assured || e->state != es || seg->seq == max_ack || train ? RESET_CLOSES
                                                                         : RESET_CHANGES_NOTHING;
}

static void note_numbers(struct tca_conntrack *e, const struct tca_segment *seg, enum index index, int side)
{
    if (index == ACK)
        e->last_end = tca_segment_end(seg);
    if (!(seg->flags & TCA_ACK) || (e->max_ack_known[side] && !seq_after(seg->ack, e->max_ack[side])))
        return;
    e->max_ack[side] = seg->ack;
    e->max_ack_known[side] = true;
}

static void accept(struct tca_conntrack *e, const struct tca_segment *seg, uint8_t next, int side)
{
    enum index index = index_of(seg);
    bool was_open = e->state == sr || e->state == es;
    note_numbers(e, seg, index, side);
    e->last_index = (uint8_t)index;
    e->last_side = (uint8_t)side;
    if (e->state != next && next == fw)
        e->close_begun = true;
    e->state = next;
    if (!e->replied && index == RST)
        begin(e, side); /* nothing but a RST answered: the entry goes at once */
    else if (e->replied && was_open && next == es)
        e->assured = true;
}

static bool challenged(struct tca_conntrack *e, enum index index, int side)
{
    bool was = e->challenge && e->state == la && index == ACK && e->last_index == SYN && e->last_side != side;
    if (was)
        e->challenge = false;
    return was;
}

TCA_APART static void step_whole(struct tca_conntrack *e, const struct tca_segment *seg, int side)
{
    enum index index = index_of(seg);
    if (refused_before(seg))
        return;
    if (e->state == no)
        begin(e, side);
    uint8_t next = table[side != e->original][index][e->state];
    if (reopens(e, next, side)) {
        begin(e, side);
        next = table[0][index][no];
    }
    if (next == ig || (next == ss && e->state >= tw)) {
        if (!pass_over(e, seg, index, side)) {
            e->replied |= side != e->original;
            return;
        }
        e->state = ss;
        next = sr;
    }
    if (next == iv || challenged(e, index, side))
        return;
    if (next == s2)
        e->crossed = true;
    if (next == sr && index == ACK && side != e->original && e->crossed)
        next = es;
    if (next == cl && index == RST) {
        enum reset reset = judge_reset(e, seg, side);
        if (reset == RESET_REFUSED)
            return;
        if (reset == RESET_CHANGES_NOTHING)
            next = e->state;
    }
    accept(e, seg, next, side);
    e->replied |= e->state != no && side != e->original;
}

/* The short way of most segments: an ACK while it is open changes no state. False: nothing was done. */
static bool step_open(struct tca_conntrack *e, const struct tca_segment *seg, int side)
{
    if (e->state != es || (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_ACK)) != TCA_ACK)
        return false;
    e->last_index = ACK;
    e->last_side = (uint8_t)side;
    e->last_end = seg->seq + seg->len;
    if (!e->max_ack_known[side] || seq_after(seg->ack, e->max_ack[side]))
        e->max_ack[side] = seg->ack;
    e->max_ack_known[side] = true;
    if (e->assured)
        return true; /* and so replied */
    e->assured = e->replied;
    e->replied |= side != e->original;
    return true;
}

void tca_conntrack_step(struct tca_conntrack *e, const struct tca_segment *seg, int side)
{
#ifdef TCA_CHECK_WAYS
    struct tca_conntrack before;
    memcpy(&before, e, sizeof before);
#endif
    if (!step_open(e, seg, side)) {
        step_whole(e, seg, side);
        return;
    }
#ifdef TCA_CHECK_WAYS
    step_whole(&before, seg, side);
    if (memcmp(&before, e, sizeof before) != 0)
        abort();
#endif
}

bool tca_conntrack_lends(const struct tca_conntrack *e, const struct tca_line *line)
{
    return e->state == es && e->assured && e->max_ack_known[0] && e->max_ack_known[1] &&
           e->max_ack[0] == line->end[0].ack && e->max_ack[1] == line->end[1].ack;
}

void tca_conntrack_settle(struct tca_conntrack *e, const struct tca_line *line)
{
    if (!line->moved)
        return;
    e->last_index = ACK;
    e->last_side = line->last_side;
    e->last_end = line->end[line->last_side].next;
    e->max_ack[0] = line->end[0].ack;
    e->max_ack[1] = line->end[1].ack;
}

const char *tca_conntrack_name(const struct tca_conntrack *e)
{
    static const char *const name[TCA_CONNTRACK_STATES] = {
        "",           "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
        "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
    return name[e->state];
}
