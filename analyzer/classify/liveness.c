/* SPDX-License-Identifier: MIT
 *
 * Connections that wait, and why. The mirror has counted and dated everything (mirror/liveness.c); what is decided here
 * is what deserves a name, and how surely.
 *
 *      who              had to wait for      because
 *      keepalive_*      nothing              idle; the probes were answered or not
 *      zero_window_*    the reader           its window was closed and the writer had more
 *      nagle_*          a delayed ACK        it wrote a message in small pieces
 *      rto_ladder_*     any acknowledgment   the path or the peer was gone
 *
 * Probes of a closed window and of an idle peer look the same on Linux. The window tells, and the pace: window probes back
 * off to 120 s, keepalive is even from the first on.
 *
 * Checked against RFC 9293 sections 3.8.4, 3.8.6.1 and 3.8.6.3, RFC 7323 section 5, RFC 5961, and Linux
 * tcp_keepalive_timer(), tcp_probe_timer(), tcp_nagle_check(), tcp_send_challenge_ack() (5.10 to 7.2).
 */
#include "classify/finding.h"
#include "classify/level.h"
#include "mirror/deviations.h"

/* A shorter closed window is ordinary flow control; probes begin later than this. */
static const int64_t STALL_NS = 200 * TCA_MS;
static const int64_t HELD_NS = 100 * TCA_MS;
static const int64_t LADDER_NS = 2 * TCA_SECOND;
enum {
    HELD_TIMES = 3,
    LADDER_COPIES = 4,
    SURE_COPIES = 3,
    PERSIST_PROBES = 3,
    DEAD_PROBES = 2,
    SILENT_PROBES = 3
};

static void prove_frame(struct tca_judgement *j, uint64_t frame)
{
    const struct tca_mark mark = {.frame = frame};
    tca_prove(j, frame ? &mark : NULL);
}

/* The marks with these roles that this side sent. */
static void prove_marks(const struct tca_case *c, struct tca_judgement *j, uint32_t roles, int side)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, roles, side, n)); n++)
        tca_prove(j, mark);
}

/* What the first of them dates. */
static int64_t first_time(const struct tca_case *c, uint32_t roles, int side)
{
    const struct tca_mark *mark = tca_dossier_mark(c->d, roles, side, 0);
    return mark ? mark->time_ns : c->d->m.start_ns;
}

/* The side with more of something; -1 if neither has any. */
static int most(uint64_t client, uint64_t server)
{
    return !client && !server ? -1 : server > client;
}

/* ---- a count of one kind of segment ---- */

struct kind {
    uint64_t count[2]; /* by the side that is named */
    uint32_t roles;
    bool by_peer; /* the marks are the other side's */
    enum tca_confidence level;
};

/* The finding of the side that has more of them: value, time, frames. False if there are none. */
static bool hold_kind(const struct tca_case *c, struct tca_judgement *j, const struct kind *kind,
                      int *ret_side)
{
    int side = most(kind->count[0], kind->count[1]);
    if (side < 0)
        return false;
    int marked = kind->by_peer ? 1 - side : side;
    tca_hold(j, kind->level, first_time(c, kind->roles, marked));
    prove_marks(c, j, kind->roles, marked);
    j->actor = (uint8_t)side;
    tca_set_value(j, (int64_t)kind->count[side], "pkts");
    *ret_side = side;
    return true;
}

/* ---- probes ---- */

static bool answered_all(const struct tca_case *c, int side)
{
    const struct tca_trouble *t = &c->d->trouble[side];
    return c->d->m.side[side].keepalive_unanswered < 2 && c->d->m.side[1 - side].last_ns >= t->probe_last_ns;
}

void judge_keepalive_probe(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *s = c->d->m.side;
    struct kind kind = {.count = {s[0].keepalive_count, s[1].keepalive_count},
                        .roles = TCA_MARK_KEEPALIVE,
                        .level = tca_level(c, tca_levels_certain, TCA_BASIS_SEEN)};
    int side;
    if (!hold_kind(c, j, &kind, &side))
        return;
    if (c->d->m.damage & TCA_DAMAGE_START_CUT) /* the window may have been closed before */
        j->confidence = tca_lower(j->confidence, 1);
    const char *both = s[1 - side].keepalive_count ? ", the other end some too," : "";
    int64_t interval = s[side].keepalive_interval_ns;
    if (!s[side].keepalive_idle_ns)
        tca_say(j, "The %s sent %u keepalive probe(s)%s.", tca_role_name[side], (unsigned)j->value,
                s[1 - side].keepalive_count ? ", the other end some too" : "");
    else if (interval)
        tca_say(j,
                "The %s sent %u keepalive probe(s)%s after %u.%03u s of silence; unanswered ones came every "
                "%u.%03u s.",
                tca_role_name[side], (unsigned)j->value, both, TCA_WHOLE_S(s[side].keepalive_idle_ns),
                TCA_WHOLE_S(interval));
    else
        tca_say(j, "The %s sent %u keepalive probe(s)%s after %u.%03u s of silence%s.", tca_role_name[side],
                (unsigned)j->value, both, TCA_WHOLE_S(s[side].keepalive_idle_ns),
                answered_all(c, side) ? "; all were answered" : "");
}

static const struct tca_mark *rst_after(const struct tca_case *c, int side, int64_t time_ns)
{
    const struct tca_mark *rst = tca_dossier_last(c->d, TCA_MARK_RST, side);
    return rst && rst->time_ns >= time_ns ? rst : NULL;
}

/* Nothing more came of either, for longer than another probe at this distance would have taken. */
static bool silent_after(const struct tca_case *c, int64_t last_ns, int64_t gap_ns)
{
    const struct tca_mirror *m = &c->d->m;
    int64_t until_ns = m->end_ns >= 0 && m->end_ns < c->d->capture_end_ns ? m->end_ns : c->d->capture_end_ns;
    return m->last_ns <= last_ns && until_ns - last_ns > gap_ns + gap_ns / 4 + TCA_SECOND / 2;
}

/* The peer never spoke again after the first probe of the last run. */
static bool unheard(const struct tca_case *c, int side)
{
    const struct tca_trouble *t = &c->d->trouble[side];
    return t->probe_run && c->d->m.side[1 - side].last_ns < t->probe_last_ns;
}

static bool as_even(int64_t a, int64_t b)
{
    int64_t apart = a > b ? a - b : b - a;
    return apart <= b / 8 + 20 * TCA_MS;
}

static enum tca_confidence dead_level(const struct tca_case *c, int side, const struct tca_mark *rst)
{
    const struct tca_trouble *t = &c->d->trouble[side];
    if (!rst)
        return t->probe_run >= SILENT_PROBES && silent_after(c, t->probe_last_ns, t->probe_gap_ns)
                   ? tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE)
                   : TCA_NO;
    bool on_time = as_even(rst->time_ns - t->probe_last_ns, t->probe_gap_ns);
    return tca_lower(tca_level(c, tca_levels_certain, TCA_BASIS_SILENCE), on_time ? 0 : 1);
}

void judge_keepalive_dead(const struct tca_case *c, struct tca_judgement *j)
{
    for (int side = 0; side < 2; side++) {
        const struct tca_side *from = &c->d->m.side[side];
        const struct tca_trouble *t = &c->d->trouble[side];
        if (!from->keepalive_count || t->probe_run < DEAD_PROBES || !unheard(c, side) ||
            c->d->m.side[1 - side].zero_open)
            continue;
        const struct tca_mark *rst = rst_after(c, side, t->probe_last_ns);
        enum tca_confidence level = dead_level(c, side, rst);
        if (level == TCA_NO)
            continue;
        tca_hold(j, level, rst ? rst->time_ns : t->probe_last_ns);
        j->actor = (uint8_t)side;
        tca_set_value(j, t->probe_run, "pkts");
        tca_prove(j, rst);
        prove_marks(c, j, TCA_MARK_KEEPALIVE, side);
        tca_say(j, "%u keepalive probes of the %s, %u.%03u s apart, found no answer; it %s.",
                (unsigned)t->probe_run, tca_role_name[side], TCA_WHOLE_S(t->probe_gap_ns),
                rst ? "reset the connection" : "fell silent");
        return;
    }
}

/* ---- closed windows ---- */

/* Probes at keepalive's even pace say nothing of payload that waits. */
static bool paced_as_keepalive(const struct tca_case *c, int writer)
{
    uint32_t probes = c->d->m.side[writer].window_probes;
    return probes >= 3 && c->d->trouble[writer].probe_even + 2 >= probes;
}

void judge_zero_window_stall(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_spell *worst = NULL;
    int reader = 0;
    for (int side = 0; side < 2; side++) {
        const struct tca_spell *one = &c->d->trouble[side].zero_worst;
        if (!one->count || one->end_ns - one->start_ns < STALL_NS || paced_as_keepalive(c, 1 - side))
            continue;
        if (!worst || one->end_ns - one->start_ns > worst->end_ns - worst->start_ns) {
            worst = one;
            reader = side;
        }
    }
    if (!worst)
        return;
    int64_t closed_ns = worst->end_ns - worst->start_ns;
    tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN), worst->start_ns);
    j->actor = (uint8_t)reader;
    tca_set_value(j, closed_ns, "ns");
    prove_frame(j, worst->first_frame);
    prove_frame(j, worst->last_frame);
    prove_marks(c, j, TCA_MARK_WINDOW_PROBE, 1 - reader);
    tca_say(j,
            "The %s read nothing for %u.%03u s%s; the %s had more to send and probed its closed window %u "
            "time(s).",
            tca_role_name[reader], TCA_WHOLE_S(closed_ns), worst->last_frame ? "" : ", to the end",
            tca_role_name[1 - reader], worst->count);
}

void judge_window_full(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_trouble *t = c->d->trouble;
    struct kind kind = {.count = {t[0].window_full_count, t[1].window_full_count},
                        .roles = TCA_MARK_WINDOW_FULL,
                        .level = tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE)};
    int side;
    if (hold_kind(c, j, &kind, &side))
        tca_say(j, "The %s filled the %s's window to the last byte %u time(s).", tca_role_name[side],
                tca_role_name[1 - side], (unsigned)j->value);
}

void judge_persist_timeout(const struct tca_case *c, struct tca_judgement *j)
{
    for (int side = 0; side < 2; side++) {
        const struct tca_trouble *t = &c->d->trouble[side];
        if (!c->d->m.side[side].window_probes || !c->d->m.side[1 - side].zero_open ||
            t->probe_run < PERSIST_PROBES || !unheard(c, side) || paced_as_keepalive(c, side))
            continue;
        const struct tca_mark *rst = rst_after(c, side, t->probe_last_ns);
        if (!rst && !silent_after(c, t->probe_last_ns, 2 * t->probe_gap_ns))
            continue;
        tca_hold(j, tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE),
                 rst ? rst->time_ns : t->probe_last_ns);
        j->actor = (uint8_t)side;
        tca_set_value(j, t->probe_run, "pkts");
        tca_prove(j, rst);
        prove_marks(c, j, TCA_MARK_WINDOW_PROBE, side);
        tca_say(j, "The %s's last %u probes of the closed window found no answer; it %s.",
                tca_role_name[side], t->probe_run,
                rst ? "reset the connection" : "fell silent, and what it had not sent is lost");
        return;
    }
}

/* ---- stalls ---- */

void judge_nagle_delack_stall(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_trouble *t = c->d->trouble;
    struct kind kind = {.count = {t[0].stall_count, t[1].stall_count},
                        .roles = TCA_MARK_HELD,
                        .level = tca_level(c, tca_levels_probable, TCA_BASIS_SEEN)};
    int side = most(kind.count[0], kind.count[1]);
    if (side < 0 || (t[side].stall_count < HELD_TIMES && t[side].stall_ns <= HELD_NS))
        return;
    hold_kind(c, j, &kind, &side);
    if (t[side].stall_count < HELD_TIMES)
        j->confidence = tca_lower(j->confidence, 1);
    tca_set_value(j, t[side].stall_ns, "ns");
    tca_say(j,
            "%u time(s) a small segment of the %s waited for the %s's delayed ACK of the one before, %u.%03u "
            "s in all.",
            t[side].stall_count, tca_role_name[side], tca_role_name[1 - side], TCA_WHOLE_S(t[side].stall_ns));
}

/* Until the server has spoken as an open connection, a client's repetitions may as well tell of its queue. */
static bool was_open(const struct tca_case *c, int side, const struct tca_spell *ladder)
{
    const struct tca_mark *child = tca_dossier_mark(c->d, TCA_MARK_CHILD, TCA_SERVER, 0);
    return side == TCA_SERVER || (c->d->m.damage & TCA_DAMAGE_START_CUT) ||
           (child && child->frame < ladder->first_frame);
}

static bool stood_still(const struct tca_case *c, int side)
{
    const struct tca_spell *ladder = &c->d->trouble[side].ladder_worst;
    return ladder->count >= LADDER_COPIES && ladder->end_ns - ladder->start_ns >= LADDER_NS &&
           was_open(c, side, ladder);
}

void judge_rto_ladder_established(const struct tca_case *c, struct tca_judgement *j)
{
    int side = stood_still(c, TCA_SERVER) ? TCA_SERVER : TCA_CLIENT;
    const struct tca_spell *ladder = &c->d->trouble[side].ladder_worst;
    if (!stood_still(c, side))
        return;
    bool over = c->d->m.side[side].rto_run == ladder->count;
    tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SILENCE), ladder->start_ns);
    j->actor = (uint8_t)side;
    tca_set_value(j, ladder->end_ns - ladder->start_ns, "ns");
    prove_frame(j, ladder->first_frame);
    prove_frame(j, ladder->last_frame);
    tca_say(j, "The %s repeated the same payload %u times over %u.%03u s without an acknowledgment%s.",
            tca_role_name[side], ladder->count, TCA_WHOLE_S(j->value), over ? ", and none came" : "");
}

/* ---- refusals ---- */

void judge_challenge_ack(const struct tca_case *c, struct tca_judgement *j)
{
    unsigned count[2] = {0, 0};
    for (unsigned at = 0; at < c->d->mark_count; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        if (!(mark->roles & TCA_MARK_CHALLENGE))
            continue;
        if (!count[0] && !count[1])
            tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN), mark->time_ns);
        count[mark->side]++;
        tca_prove(j, mark);
    }
    int side = most(count[0], count[1]);
    if (side < 0)
        return;
    uint32_t counted = c->d->m.side[side].challenge_count;
    j->actor = (uint8_t)side;
    tca_set_value(j, counted > count[side] ? counted : count[side], "pkts");
    tca_say(j, "The %s answered %u segment(s) that did not fit with an ACK of its own numbers.",
            tca_role_name[side], (unsigned)j->value);
}

void judge_dup_ack_paws(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_trouble *t = c->d->trouble;
    struct kind kind = {.count = {t[0].paws_answered, t[1].paws_answered},
                        .roles = TCA_MARK_PAWS_ACK,
                        .level = tca_level(c, tca_levels_certain, TCA_BASIS_SILENCE)};
    int side;
    if (!hold_kind(c, j, &kind, &side))
        return;
    prove_marks(c, j, TCA_MARK_PAWS, 1 - side);
    tca_say(j, "The %s refused %u segment(s) with an old time stamp and repeated its acknowledgment.",
            tca_role_name[side], (unsigned)j->value);
}

/* ---- what the path and the capture did ---- */

static bool seen_both_ways(const struct tca_case *c)
{
    return c->d->m.side[0].pkts && c->d->m.side[1].pkts;
}

/* Of a connection whose ports the next one has taken: its numbers tell, whatever the capture lacks. */
static bool came_late(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *side = c->d->m.side;
    uint64_t late = side[TCA_CLIENT].late_pkts + side[TCA_SERVER].late_pkts;
    if (!late)
        return false;
    for (unsigned at = 0; at < c->d->mark_count; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        if (!mark->witness || !(mark->roles & TCA_MARK_OLD_DUP))
            continue;
        if (!j->frame_count)
            tca_hold(j, tca_level(c, tca_levels_certain, TCA_BASIS_SEEN), mark->time_ns);
        tca_prove(j, mark);
    }
    j->actor = TCA_ACTOR_PATH;
    tca_set_value(j, (int64_t)late, "pkts");
    tca_say(j,
            "%u segment(s) of this connection came when the next one on its ports was open, whose ends do "
            "not take them.",
            (unsigned)late);
    return true;
}

void judge_old_dup_segment(const struct tca_case *c, struct tca_judgement *j)
{
    if (came_late(c, j))
        return;
    const struct tca_trouble *t = c->d->trouble;
    struct kind kind = {.count = {t[0].old_dup_count, t[1].old_dup_count},
                        .roles = TCA_MARK_OLD_DUP,
                        .level = tca_level(c, tca_levels_certain, TCA_BASIS_SILENCE)};
    int side;
    if (!seen_both_ways(c) || !hold_kind(c, j, &kind, &side))
        return;
    prove_marks(c, j, TCA_MARK_OLD_DUP, 1 - side);
    j->actor = TCA_ACTOR_PATH;
    if (!tca_dossier_mark(c->d, TCA_MARK_OLD_DUP, side, 0))
        j->time_ns = first_time(c, TCA_MARK_OLD_DUP, 1 - side);
    tca_say(j, "%u segment(s) of the %s reached the other end twice; they had been sent once.",
            (unsigned)j->value, tca_role_name[side]);
}

void judge_seq_gap(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_trouble *t = c->d->trouble;
    uint64_t gaps[2];
    for (int side = 0; side < 2; side++) {
        uint64_t else_told = (uint64_t)t[side].gap_reordered + t[side].gap_missed;
        gaps[side] = t[side].gap_count > else_told ? t[side].gap_count - else_told : 0;
    }
    struct kind kind = {.count = {gaps[0], gaps[1]},
                        .roles = TCA_MARK_GAP,
                        .level = tca_level(c, tca_levels_certain, TCA_BASIS_SEEN)};
    int side;
    if (!hold_kind(c, j, &kind, &side))
        return;
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "%u time(s) segments of the %s were missing when later ones passed.", (unsigned)j->value,
            tca_role_name[side]);
}

void judge_ack_of_unseen(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *s = c->d->m.side;
    struct kind kind = {.count = {s[0].missed_bytes, s[1].missed_bytes},
                        .roles = TCA_MARK_GAP,
                        .by_peer = true,
                        .level = tca_level(c, tca_levels_certain, TCA_BASIS_SEEN)};
    int side;
    if (!seen_both_ways(c) || !hold_kind(c, j, &kind, &side))
        return;
    j->unit = "bytes";
    j->actor = TCA_ACTOR_PATH;
    prove_marks(c, j, TCA_MARK_GAP, side);
    tca_say(j, "%lld byte(s) of the %s were acknowledged that the capture does not hold.",
            (long long)j->value, tca_role_name[side]);
}

/* After one copy that went unanswered nothing but the timer sends another so late. */
static enum tca_confidence rto_level(const struct tca_case *c)
{
    const struct tca_side *s = c->d->m.side;
    bool sure = s[0].retx_rto >= SURE_COPIES || s[1].retx_rto >= SURE_COPIES;
    return tca_level(c, sure ? tca_levels_certain : tca_levels_probable, TCA_BASIS_SILENCE);
}

static void judge_again(const struct tca_case *c, struct tca_judgement *j, struct kind kind, const char *how)
{
    int side;
    if (hold_kind(c, j, &kind, &side))
        tca_say(j, "The %s sent %u segment(s) again: %s.", tca_role_name[side], (unsigned)j->value, how);
}

void judge_retransmission_rto(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *s = c->d->m.side;
    struct kind kind = {
        .count = {s[0].retx_rto, s[1].retx_rto}, .roles = TCA_MARK_RETX_RTO, .level = rto_level(c)};
    judge_again(c, j, kind, "no acknowledgment had come in time");
}

void judge_retransmission_tlp(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *s = c->d->m.side;
    struct kind kind = {.count = {s[0].retx_tlp, s[1].retx_tlp},
                        .roles = TCA_MARK_RETX_TLP,
                        .level = tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE)};
    judge_again(c, j, kind, "its newest, once, to draw an acknowledgment");
}

void judge_retransmission_fast(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *s = c->d->m.side;
    struct kind kind = {.count = {s[0].retx_fast, s[1].retx_fast},
                        .roles = TCA_MARK_RETX_FAST,
                        .level = tca_level(c, tca_levels_probable, TCA_BASIS_SEEN)};
    judge_again(c, j, kind, "acknowledgments had told of a loss");
}

void judge_retransmission_spurious(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *s = c->d->m.side;
    struct kind kind = {.count = {s[0].retx_spurious, s[1].retx_spurious},
                        .roles = TCA_MARK_SPURIOUS,
                        .by_peer = true,
                        .level = tca_level(c, tca_levels_certain, TCA_BASIS_SILENCE)};
    int side;
    if (hold_kind(c, j, &kind, &side))
        tca_say(j, "%u segment(s) that the %s sent again had arrived before, as the other end shows.",
                (unsigned)j->value, tca_role_name[side]);
}

void judge_reorder(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_trouble *t = c->d->trouble;
    struct kind kind = {.count = {t[0].reorder_count, t[1].reorder_count},
                        .roles = TCA_MARK_REORDERED,
                        .level = tca_level(c, tca_levels_probable, TCA_BASIS_SEEN)};
    int side;
    if (!hold_kind(c, j, &kind, &side))
        return;
    if (t[side].reorder_sure && seen_both_ways(c))
        j->confidence = tca_level(c, tca_levels_certain, TCA_BASIS_SEEN);
    j->actor = TCA_ACTOR_PATH;
    if (t[side].reorder_ns < TCA_MS)
        tca_say(j, "%u segment(s) of the %s were overtaken on the way here.", (unsigned)j->value,
                tca_role_name[side]);
    else
        tca_say(j, "%u segment(s) of the %s were overtaken on the way here, by up to %u.%03u s.",
                (unsigned)j->value, tca_role_name[side], TCA_WHOLE_S(t[side].reorder_ns));
}
