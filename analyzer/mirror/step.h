/* SPDX-License-Identifier: MIT
 *
 * One step of the mirror in the making, shared by the files that know its parts: opening.c (SYN, SYN+ACK, the
 * server's child), closing.c (FIN and its acknowledgment), reset.c (RST), again.c (payload out of its order), liveness.c
 * (what keeps it waiting) and event.c, which puts them together. Private to mirror.
 */
#ifndef TCA_MIRROR_STEP_H
#define TCA_MIRROR_STEP_H

#include "mirror/deviations.h"
#include "mirror/history.h"
#include "mirror/sequence.h"

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

static inline int step_role(const struct tca_mirror *m, const struct tca_side *side)
{
    return side == &m->side[TCA_SERVER] ? TCA_SERVER : TCA_CLIENT;
}

/* How late a busy host may send what it had decided before: far below the smallest timer of a lost FIN. */
#define TCA_BUSY_NS (10 * TCA_MS)

/* Round trip between the capture point and a side; 0 while unknown. */
static inline int64_t step_path_ns(const struct tca_mirror *m, int role)
{
    int64_t path = role == TCA_SERVER ? m->path_to_server_ns : m->ack_rtt_ns;
    return path > 0 ? tca_interval(0, path) : 0;
}

/* A segment of that side which passes at `now_ns` had left before it could know what went towards it at
 * `towards_ns`. */
static inline bool step_crossed(const struct tca_mirror *m, int role, int64_t towards_ns, int64_t now_ns)
{
    return now_ns <= towards_ns + step_path_ns(m, role) + TCA_MS;
}

/* The same where a path that is busy by now delays more than it did in the handshake, by an eighth. */
static inline bool step_may_have_crossed(const struct tca_mirror *m, int role, int64_t towards_ns,
                                         int64_t now_ns)
{
    return step_crossed(m, role, towards_ns + step_path_ns(m, role) / 8, now_ns);
}

static inline bool step_is_pure_ack(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_RST | TCA_FIN)) == TCA_ACK && !seg->len;
}

static inline bool step_carries(const struct tca_segment *seg)
{
    return seg->len || (seg->flags & TCA_FIN);
}

/* 0 where it never happened, or time stamps went back. */
static inline int64_t step_since(int64_t then_ns, int64_t now_ns)
{
    return then_ns >= 0 && now_ns > then_ns ? tca_interval(then_ns, now_ns) : 0;
}

static inline int64_t step_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Payload of a segment as large as this connection allows: either end may have announced less than the other. */
static inline uint32_t step_full_segment(const struct tca_side *from, const struct tca_side *to)
{
    enum { TIMESTAMP_BYTES = 12, SMALLEST_MSS = 536 };
    uint32_t mss = to->has_mss ? to->mss : 0;
    if (from->has_mss && from->mss < mss)
        mss = from->mss;
    return mss > TIMESTAMP_BYTES ? mss - TIMESTAMP_BYTES : SMALLEST_MSS;
}

/* More payload than the receiver's MSS allows was cut into pieces behind the tap, or put together before it. */
static inline void step_note_damage(struct tca_mirror *m, const struct tca_segment *seg,
                                    const struct tca_side *to)
{
    if (seg->mended || seg->time_ns < m->last_ns)
        m->damage |= TCA_DAMAGE_REORDER;
    if (seg->timeless)
        m->damage |= TCA_DAMAGE_NO_TIME;
    if (seg->offload || (to->has_mss && seg->len > to->mss))
        m->damage |= TCA_DAMAGE_OFFLOAD;
}

/* No host begins with another TTL, so that what it sends with one it only forwards. */
static inline bool step_is_first_ttl(uint8_t ttl)
{
    return ttl == 32 || ttl == 64 || ttl == 128 || ttl == 255;
}

/* Who was near the capture point: the link header of a cooked capture or the directions of pcapng, and checksums that a
 * card was to finish. What a router sends on came in as well, though a capture of one interface does not show it. */
static inline void step_note_nearness(struct tca_side *from, const struct tca_segment *seg)
{
    enum { RECEIVED_HERE = 0, SENT_HERE = 4, NOT_TOLD = 255 };
    from->unfinished_checksums += seg->checksum == TCA_CHECKSUM_UNFINISHED;
    if (seg->direction == NOT_TOLD)
        return;
    bool out = seg->direction == SENT_HERE;
    from->link_out |= out;
    from->link_in |= seg->direction == RECEIVED_HERE || (out && !step_is_first_ttl(seg->ttl));
}

/* For what tells doubled segments. */
static inline void step_remember(struct tca_side *from, const struct tca_segment *seg)
{
    from->seen[from->seen_next++ % TCA_SEEN_MAX] = (struct tca_seen){.seq = seg->seq,
                                                                     .ack = seg->ack,
                                                                     .len = seg->len,
                                                                     .tsval = seg->opt.tsval,
                                                                     .flags = seg->flags | TCA_SEEN_USED,
                                                                     .ip_id = seg->ip_id};
}

/* Less than a full segment, all of it new, and everything before it acknowledged: Nagle's algorithm holds what comes next. */
static inline bool step_is_alone(const struct tca_side *from, const struct tca_side *to,
                                 const struct tca_segment *seg)
{
    return seg->len < step_full_segment(from, to) && to->acked_known && seg->seq == to->acked &&
           !(seg->flags & TCA_FIN);
}

/* New payload, while older payload is not acknowledged and neither a segment nor an ACK of more has set the timer anew: a tail loss
 * probe takes what waits to be sent before it repeats anything (tcp_send_loss_probe(), TCP_TIMEOUT_MIN: two jiffies of 1 ms). */
static inline bool step_is_paused(const struct tca_side *from, const struct tca_side *to,
                                  const struct tca_segment *seg)
{
    const int64_t least_ns = 1000000;
    int64_t set_ns = from->sent_ns > from->una_ns ? from->sent_ns : from->una_ns;
    return seg->seq != to->acked && set_ns >= 0 && seg->time_ns - set_ns >= least_ns;
}

/* easy.c. The whole of a segment that needs no more, in a connection that is calm: true, and done; else nothing was. */
bool tca_step_calm(struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                   const struct tca_segment *seg, bool strict_checksums);
/* May the next segments be such? Noted in the mirror. */
void tca_step_note_calm(struct tca_mirror *m);

/* opening.c */
void tca_step_syn(struct step *s);
void tca_step_synack(struct step *s);
/* Before anything else of an ordinary segment: the client's choice of an answer, and what may open the
 * server. */
void tca_step_note_opener(struct step *s);
/* The sender of an ordinary segment, while it is not known to be open. */
void tca_step_opening_sender(struct step *s);
void tca_step_opening_receiver(struct step *s);
/* The server's child exists: this segment shows it. */
void tca_step_child_proved(struct step *s);

/* closing.c */
void tca_step_closing_sender(struct step *s);
void tca_step_closing_receiver(struct step *s);

/* A FIN that the network delivers a second time, not its sender. */
bool tca_step_fin_copied(const struct step *s);

/* again.c. Payload or a FIN that is not the next: true, and counted, if it was overtaken or doubled on the way; ... */
bool tca_step_was_overtaken(struct step *s, struct tca_trouble *t);
/* ... what is known to have been, a bare ACK as well; ... */
void tca_step_overtaken(struct step *s, struct tca_trouble *t);
/* ... or what its sender sent again. */
void tca_step_sent_again(struct step *s, struct tca_trouble *t);

/* That role's peer told of a hole that begins with this number, and what it sent, its FIN last of all, cannot have filled it. */
bool tca_step_hole_stays(const struct tca_mirror *m, int role, uint32_t seq);

/* liveness.c. After everything else of a segment, but before it counts as its sender's newest. 0 or TCA_EMEMORY. */
int tca_step_liveness(struct tca_mirror_context *ctx, struct step *s);
/* A bit for each role whose next acknowledgments may show that. */
uint8_t tca_step_echoes(const struct tca_mirror *m);
/* Does this acknowledgment show that a repetition was needless? */
bool tca_step_echo_tells(const struct tca_mirror *m, const struct tca_segment *seg,
                         const struct tca_side *from);
/* A bare acknowledgment of all there is, so long after the newest payload: perhaps a timer sent it. */
void tca_step_delayed_ack(const struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                          const struct tca_segment *seg);
/* The flow is over: a window still closed counts up to now. */
void tca_liveness_finish(struct tca_mirror *m);

/* reset.c */
int tca_step_rst(struct tca_mirror_context *ctx, struct step *s);

#endif
