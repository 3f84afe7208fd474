/* SPDX-License-Identifier: MIT
 *
 * One list of the fields that have bounds, struct by struct, and one of where these structs are. A field that is new and is used as
 * a place, a count or a kind has to be added here; a part whose bytes are changed at random (tests/unit/test_part.c) finds most
 * of what is not.
 */
#include "engine/sound.h"

#include "base/time_limit.h"
#include "engine/numbers.h"
#include "mirror/sequence.h"
#include "mirror/state.h"

/* ---- fields ---- */

/* `times` of them, one behind the other. */
struct bound {
    uint16_t at;
    uint8_t bytes, times;
    bool is_time;
    uint32_t most;
};

#define SIZE(type, field) (sizeof((const type *)0)->field)
#define MOST(type, field, most)                                                                              \
    {                                                                                                        \
        offsetof(type, field), SIZE(type, field), 1, false, most                                             \
    }
#define LIST(type, field, most)                                                                              \
    {                                                                                                        \
        offsetof(type, field), sizeof *((const type *)0)->field,                                             \
            SIZE(type, field) / sizeof *((const type *)0)->field, false, most                                \
    }
#define TRUTH(type, field) MOST(type, field, true)
#define TIME(type, field)                                                                                    \
    {                                                                                                        \
        offsetof(type, field), SIZE(type, field), 1, true, 0                                                 \
    }
/* What nobody but ourselves writes. */
#define OURS(type, field)                                                                                    \
    {                                                                                                        \
        offsetof(type, field), 1, SIZE(type, field), false, UINT8_MAX                                        \
    }

#define D struct tca_dossier
static const struct bound of_dossier[] = {
    MOST(D, role_basis, TCA_BASIS_USER),
    MOST(D, tags.vlan_count, 4),
    MOST(D, tags.encap, TCA_ENCAP_TEREDO),
    MOST(D, family, 6),
    TRUTH(D, cut_short),
    LIST(D, nat_same_addr, true),
    LIST(D, key_side, 1),
    TIME(D, anew_ns),
    TIME(D, cut_ns),
    MOST(D, mark_count, TCA_MARKS_MAX),
    OURS(D, mark),
    OURS(D, index),
    OURS(D, capture),
    /* peer */
    TRUTH(D, peer.begun),
    MOST(D, peer.conntrack.state, TCA_CONNTRACK_STATES - 1),
    MOST(D, peer.conntrack.original, 1),
    TRUTH(D, peer.conntrack.replied),
    TRUTH(D, peer.conntrack.assured),
    TRUTH(D, peer.conntrack.close_begun),
    TRUTH(D, peer.conntrack.crossed),
    TRUTH(D, peer.conntrack.challenge),
    LIST(D, peer.conntrack.max_ack_known, true),
    TRUTH(D, peer.zeek.begun),
    TRUTH(D, peer.zeek.partial),
    TRUTH(D, peer.zeek.cut),
    TRUTH(D, peer.zeek.crossed),
    MOST(D, peer.zeek.orig, 1),
    MOST(D, peer.zeek.letters, TCA_ZEEK_LETTERS),
    /* mirror */
    TIME(D, m.start_ns),
    TIME(D, m.last_ns),
    TIME(D, m.ack_rtt_ns),
    TIME(D, m.path_to_server_ns),
    TRUTH(D, m.begun),
    TRUTH(D, m.calm),
    OURS(D, m.trouble),
    OURS(D, m.marks),
    MOST(D, m.mark_count, TCA_MARKS_MAX),
    TIME(D, m.syn_rtt_ns),
    TIME(D, m.first_synack_ns),
    TIME(D, m.first_ack_ns),
    TIME(D, m.child_ns),
    TRUTH(D, m.child_proved),
    TRUTH(D, m.open_refuted),
    TIME(D, m.last_opener_ns),
    TIME(D, m.prev_synack_ns),
    TRUTH(D, m.server_syn_bare),
    TRUTH(D, m.client_synack),
    TRUTH(D, m.deferred_rung),
    TRUTH(D, m.synack_isn_changed),
    TIME(D, m.other_syn_ns),
    MOST(D, m.first_fin, 2),
    MOST(D, m.first_rst, 2),
    MOST(D, m.killed_by_reuse, 1),
    TRUTH(D, m.ended),
    TIME(D, m.end_ns),
    TRUTH(D, m.prior.exists),
    TIME(D, m.prior.last_ns),
    TIME(D, m.prior.time_wait_ns),
    TRUTH(D, m.prior.same_client),
    LIST(D, m.prior.state, TCA_STATE_COUNT - 1),
    LIST(D, m.prior.iss_known, true),
    LIST(D, m.prior.nxt_known, true),
    LIST(D, m.prior.acked_known, true),
    LIST(D, m.prior.ts_on, true),
    MOST(D, m.prior.active_closer, 2),
    TIME(D, m.prior.isn_age_ns[0]),
    TIME(D, m.prior.isn_age_ns[1]),
};
#undef D

#define Z struct tca_zeek_end
static const struct bound of_zeek_end[] = {
    MOST(Z, state, TCA_ZEEK_RESET),
    MOST(Z, before, TCA_ZEEK_RESET),
    MOST(Z, blocks, TCA_ZEEK_BLOCKS),
    TRUTH(Z, fin_seen),
    TRUTH(Z, ignores),
};
#undef Z

#define C struct tca_clock
static const struct bound of_clock[] = {
    TIME(C, first_ns),
    TIME(C, middle_ns),
    TIME(C, last_ns),
    TRUTH(C, known),
};
#undef C

#define S struct tca_side
static const struct bound of_side[] = {
    TIME(S, ts_recent_ns),
    TIME(S, una_ns),
    TIME(S, sent_ns),
    MOST(S, wscale, 14),
    MOST(S, recovery, TCA_RECOVERY_RTO),
    TRUTH(S, nxt_known),
    TRUTH(S, acked_known),
    TRUTH(S, edge_known),
    TRUTH(S, wscale_known),
    TRUTH(S, has_mss),
    TRUTH(S, news),
    TRUTH(S, alone),
    TIME(S, last_ns),
    TIME(S, last_data_ns),
    TRUTH(S, link_out),
    TRUTH(S, link_in),
    TRUTH(S, ts_on),
    TRUTH(S, sacked),
    MOST(S, step_count, TCA_STEPS_MAX),
    MOST(S, newest.checksum, TCA_CHECKSUM_BAD),
    TRUTH(S, newest.has_ts),
    TRUTH(S, newest.has_ip_id),
    TRUTH(S, newest.due),
    TIME(S, first_ns),
    TIME(S, first_data_ns),
    TIME(S, timer_ns),
    TIME(S, stray.time_ns),
    MOST(S, stray.refusal, TCA_REJECT_ACK),
    TRUTH(S, fin_ack_carried),
    TRUTH(S, path_cut),
    MOST(S, alternative, TCA_STATE_COUNT),
    TRUTH(S, iss_known),
    TRUTH(S, iss_inferred),
    TRUTH(S, fin_sent),
    TRUTH(S, fin_acked_by_peer),
    TRUTH(S, rst_survived),
    TRUTH(S, close_used),
    TRUTH(S, zero_open),
    TRUTH(S, odd_payload),
    TRUTH(S, holes_full),
    MOST(S, hole_count, TCA_HOLES_MAX),
    TRUTH(S, sack_ok),
    TRUTH(S, has_wscale),
    TRUTH(S, opt_cut),
    MOST(S, order_count, TCA_OPTION_ORDER_MAX),
    TRUTH(S, tfo),
    TRUTH(S, tfo_cookie),
    TIME(S, zero_since_ns),
    TIME(S, zero_ns),
    TIME(S, syn_last_ns),
    TIME(S, syn_gap_ns),
    TIME(S, fin_last_ns),
    TIME(S, fin_gap_ns),
    TIME(S, fin_first_ns),
    TIME(S, fin_acked_ns),
    TRUTH(S, small_passed),
    TIME(S, rto_last_ns),
    TIME(S, rto_gap_ns),
    TIME(S, keepalive_idle_ns),
    TIME(S, keepalive_interval_ns),
};
#undef S

#define S struct tca_step
static const struct bound of_step[] = {
    TIME(S, time_ns),
    MOST(S, state, TCA_STATE_COUNT - 1),
    MOST(S, event, TCA_EVENT_COUNT - 1),
    TRUTH(S, proved),
};
#undef S

#define O struct tca_opener
static const struct bound of_opener[] = {TIME(O, time_ns)};
#undef O

#define T struct tca_trouble
static const struct bound of_trouble[] = {
    TIME(T, tlp_gap_ns),
    TIME(T, ladder.start_ns),
    TIME(T, ladder.end_ns),
    TIME(T, ladder_worst.start_ns),
    TIME(T, ladder_worst.end_ns),
    TIME(T, hole_ns),
    TIME(T, reorder_ns),
    TRUTH(T, hole_in_pieces),
    TIME(T, zero.start_ns),
    TIME(T, zero.end_ns),
    TIME(T, zero_worst.start_ns),
    TIME(T, zero_worst.end_ns),
    TIME(T, probe_last_ns),
    TIME(T, probe_gap_ns),
    TIME(T, stall_ns),
};
#undef T

#define A struct tca_again
static const struct bound of_again[] = {
    TRUTH(A, first_waiting),
    TRUTH(A, has_ts),
    TRUTH(A, told),
};
#undef A

#define M struct tca_mark
static const struct bound of_mark[] = {
    TIME(M, time_ns),
    MOST(M, roles, (UINT32_C(1) << TCA_ROLE_COUNT) - 1),
    MOST(M, side, 1),
    MOST(M, sender_state, TCA_STATE_COUNT - 1),
    MOST(M, receiver_state, TCA_STATE_COUNT - 1),
    MOST(M, rst_fit, TCA_RST_BLIND),
    MOST(M, icmp_from_peer, 1),
    MOST(M, refusal, TCA_REJECT_ACK),
    MOST(M, checksum, TCA_CHECKSUM_BAD),
};
#undef M

#define P struct tca_piece
enum { COMPLETE = 2 * TCA_COMPLETE_RST - 1 };
static const struct bound of_piece[] = {
    LIST(P, fresh_bases.known, true),
    LIST(P, moved_bases.known, true),
    LIST(P, firm, true),
    MOST(P, side, 1),
    MOST(P, fresh, COMPLETE),
    MOST(P, bits, COMPLETE),
    TRUTH(P, syn),
    TRUTH(P, sure),
    TRUTH(P, more),
};
#undef P

/* ---- where they are ---- */

/* So many of a struct one behind the other, from there on. */
struct group {
    const struct bound *bound;
    size_t bounds, at, size;
    unsigned times;
};
#define GROUP(bounds, field, times)                                                                          \
    {                                                                                                        \
        bounds, sizeof bounds / sizeof *(bounds), offsetof(struct tca_dossier, field),                       \
            sizeof((const struct tca_dossier *)0)->field, times                                              \
    }
static const struct group groups[] = {
    {of_dossier, sizeof of_dossier / sizeof *of_dossier, 0, sizeof(struct tca_dossier), 1},
    GROUP(of_zeek_end, peer.zeek.end[0], 2),
    GROUP(of_clock, peer.clock[0], 2),
    GROUP(of_side, m.side[0], 2),
    GROUP(of_step, m.side[0].step[0], TCA_STEPS_MAX),
    GROUP(of_step, m.side[1].step[0], TCA_STEPS_MAX),
    GROUP(of_mark, m.side[0].recent, 1),
    GROUP(of_mark, m.side[1].recent, 1),
    GROUP(of_opener, m.opener[0], TCA_OPENERS_MAX),
    GROUP(of_trouble, trouble[0], 2),
    GROUP(of_again, trouble[0].again[0], TCA_AGAIN_MAX),
    GROUP(of_again, trouble[1].again[0], TCA_AGAIN_MAX),
};
_Static_assert(sizeof(struct tca_dossier) <= UINT16_MAX, "places fit");
static const struct group marks = {of_mark, sizeof of_mark / sizeof *of_mark, 0, sizeof(struct tca_mark), 1};
static const struct group pieces = {of_piece, sizeof of_piece / sizeof *of_piece, 0, sizeof(struct tca_piece),
                                    1};

enum { GROUPS = sizeof groups / sizeof *groups };

/* ---- asked of values ---- */

/* Moments and intervals, before the first of which there may be some. */
static bool is_within(const struct bound *b, const uint8_t *at)
{
    uint64_t value = tca_number_load(at, b->bytes);
    return b->is_time ? value + TCA_TIME_LAST_NS <= 2 * (uint64_t)TCA_TIME_LAST_NS : value <= b->most;
}

static bool are_within(const struct group *group, const uint8_t *from)
{
    bool sound = true;
    for (const struct bound *b = group->bound; b < group->bound + group->bounds; b++) {
        sound &= is_within(b, from + b->at);
        for (unsigned at = 1; at < b->times; at++)
            sound &= is_within(b, from + b->at + (size_t)at * b->bytes);
    }
    return sound;
}

/* Nothing of it was ever written, as of most steps, openers and repeats there is room for: zero is within every bound. */
static bool is_untouched(const uint8_t *from, size_t size)
{
    return !from[0] && !memcmp(from, from + 1, size - 1);
}

static bool is_sound(const struct group *group, const uint8_t *bytes)
{
    bool sound = true;
    for (unsigned time = 0; time < group->times && sound; time++) {
        const uint8_t *from = bytes + group->at + time * group->size;
        sound = is_untouched(from, group->size) || are_within(group, from);
    }
    return sound;
}

/* It is printed. */
static bool are_letters(const struct tca_zeek *zeek)
{
    for (unsigned at = 0; at < zeek->letters; at++) {
        char letter = zeek->history[at];
        if (!(letter >= 'a' && letter <= 'z') && !(letter >= 'A' && letter <= 'Z') && letter != '^')
            return false;
    }
    return true;
}

bool tca_sound_dossier(const struct tca_dossier *d)
{
    for (unsigned at = 0; at < GROUPS; at++)
        if (!is_sound(&groups[at], (const void *)d))
            return false;
    return (d->family == 4 || d->family == 6) && d->m.begun && d->m.start_ns >= 0 &&
           d->m.mark_count == d->mark_count && are_letters(&d->peer.zeek);
}

bool tca_sound_marks(const struct tca_mark *mark, unsigned count)
{
    for (unsigned at = 0; at < count; at++)
        if (!is_sound(&marks, (const void *)&mark[at]) || (at && mark[at].frame < mark[at - 1].frame))
            return false;
    return true;
}

bool tca_sound_piece(const struct tca_key *key, const struct tca_piece *piece)
{
    return (key->family == 4 || key->family == 6) && is_sound(&pieces, (const void *)piece);
}

/* ---- asked of places ---- */

static bool is_free(const struct group *group, size_t at, unsigned bytes, bool is_time)
{
    for (unsigned time = 0; time < group->times; time++)
        for (const struct bound *b = group->bound; b < group->bound + group->bounds; b++) {
            size_t from = group->at + time * group->size + b->at, end = from + (size_t)b->times * b->bytes;
            bool apart = at + bytes <= from || at >= end;
            if (!apart && (!b->is_time || !is_time || at != from))
                return false;
        }
    return true;
}

bool tca_sound_place(size_t at, unsigned bytes, bool is_time)
{
    for (unsigned group = 0; group < GROUPS; group++)
        if (!is_free(&groups[group], at, bytes, is_time))
            return false;
    return true;
}

bool tca_sound_mark_place(size_t at, unsigned bytes, bool is_time)
{
    return is_free(&marks, at, bytes, is_time);
}
