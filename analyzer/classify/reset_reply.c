/* SPDX-License-Identifier: MIT
 *
 * Resets in answer to a segment that no connection wants (shape P), after the opening: its receiver had closed, or had lost
 * the connection without a word.
 *
 * The reset bears the acknowledgment of what it answers, so it tells what its sender had never heard of. Checked against
 * RFC 9293 section 3.5.2 and Linux tcp_rcv_state_process(), tcp_time_wait(), tcp_v4_send_reset() (5.10 to 7.2).
 */
#include "base/seq32.h"
#include "classify/resets.h"

/* An orphan's FIN_WAIT2 of 60 s, timer lateness included. */
static const int64_t ORPHAN_NS = 66 * TCA_SECOND;

/* An end that spoke more recently has hardly lost its memory since. */
static const int64_t SILENCE_NS = TCA_SECOND / 2;

/* No FIN_WAIT2 of an orphan ends sooner: 3.5 times the smallest retransmission timer (tcp_fin_time()). */
static const int64_t FIN_WAIT2_NS = 3 * TCA_SECOND / 5;

static const struct tca_levels LIMITS = {TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};

/* ---- its sender had closed ---- */

/* Bytes of the peer up to the end of what the reset answers that its sender had not taken. Before a FIN they may have
 * gone in segments of their own. */
static uint32_t bytes_not_taken(const struct tca_rst *r)
{
    const struct tca_mark *trigger = r->trigger;
    bool ahead =
        (trigger->flags & TCA_FIN) && r->from->acked_known && seq_after(trigger->seq, r->from->acked);
    return trigger->len + (ahead ? trigger->seq - r->from->acked : 0);
}

/* New data, from a peer that had not closed itself. An old copy met no closed application but a forgotten one. */
bool tca_rst_is_data_after_close(const struct tca_rst *r)
{
    const struct tca_mark *fin = tca_rst_own_fin(r), *peer_fin = tca_rst_first_fin(r, 1 - r->rst->side);
    if (r->shape != TCA_SHAPE_P || !fin || !r->trigger || !bytes_not_taken(r))
        return false;
    bool peer_open = !peer_fin || peer_fin->frame >= r->trigger->frame;
    int64_t known = tca_host_seconds(r->c->host[r->rst->side], TCA_SETTING_tcp_fin_timeout, -1);
    return peer_open &&
           r->rst->time_ns - fin->time_ns <= (known < 0 ? ORPHAN_NS : known + known / 8 + TCA_SECOND);
}

void judge_rst_data_after_close(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_CERTAIN, &f))
        return;
    tca_prove(j, tca_rst_own_fin(&f.first));
    tca_say(j, "The %s had closed; %u bytes that the %s still sent drew a reset.", tca_rst_who(&f.first),
            (unsigned)bytes_not_taken(&f.first), tca_rst_peer(&f.first));
}

/* TCP_LINGER2 below zero: there is no FIN_WAIT2, so the very ACK of the FIN meets the end of the socket. A FIN that was
 * repeated more often than a probe may have been given up before. */
bool tca_rst_is_linger2(const struct tca_rst *r)
{
    const struct tca_mark *ack = r->trigger;
    return r->shape == TCA_SHAPE_P && tca_rst_own_fin(r) && ack && ack == tca_rst_fin_ack(r) &&
           ack->receiver_state == TCA_FIN_WAIT1 && r->rst->seq == r->from->fin_seq + 1 &&
           r->from->fin_count <= 2 && !bytes_not_taken(r);
}

void judge_rst_linger2(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = tca_rst_linux_level(c, &f.first, LIMITS);
    tca_prove(j, tca_rst_own_fin(&f.first));
    tca_say(j, "The %s reset the connection as soon as its FIN was acknowledged.", tca_rst_who(&f.first));
}

/* Its FIN had been acknowledged and nothing came of it; the other side's FIN follows sooner than any FIN_WAIT2 can have
 * ended, and meets no socket. */
bool tca_rst_is_tw_overflow(const struct tca_rst *r)
{
    const struct tca_mark *ack = tca_rst_fin_ack(r), *fin = r->trigger;
    return r->shape == TCA_SHAPE_P && tca_rst_own_fin(r) && fin && (fin->flags & TCA_FIN) && ack &&
           ack->frame < fin->frame && fin->receiver_state == TCA_FIN_WAIT2 && !bytes_not_taken(r) &&
           r->rst->time_ns - ack->time_ns < FIN_WAIT2_NS;
}

void judge_rst_tw_overflow(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = tca_rst_linux_level(c, &f.first, LIMITS);
    const struct tca_mark *ack = tca_rst_fin_ack(&f.first);
    tca_prove(j, tca_rst_own_fin(&f.first));
    tca_prove(j, ack);
    tca_say(
        j,
        "The %s had forgotten the connection %u.%03u s after its FIN was acknowledged: no room in TIME_WAIT.",
        tca_rst_who(&f.first), TCA_WHOLE_S(j->time_ns - ack->time_ns));
}

/* ---- its sender does not know it ---- */

bool tca_rst_is_no_socket(const struct tca_rst *r)
{
    if (r->shape != TCA_SHAPE_P && r->shape != TCA_SHAPE_Q)
        return false;
    if (r->trigger)
        return !tca_rst_answers_synack(r);
    return r->rst->rst_fit == TCA_RST_EXACT && r->rst->peer_acked == r->rst->seq;
}

/* It had an open connection and never said that it was done. A request that never opened is no such loss. */
static bool never_closed(const struct tca_rst *r)
{
    if (r->rst->side == TCA_SERVER && r->from->synack_count && !r->c->d->m.child_proved)
        return false;
    bool open = r->rst->sender_state == TCA_ESTABLISHED || r->rst->sender_state == TCA_CLOSE_WAIT;
    return open && r->from->pkts > r->from->rst_count && !tca_rst_own_fin(r);
}

/* How long the reset's sender had been silent before what it answers, at most: bare ACKs are not kept. */
static int64_t silence_before(const struct tca_rst *r)
{
    const struct tca_mark *before = r->trigger ? r->trigger : r->rst;
    const struct tca_mark *own = tca_mark_before(r->c->d, before, r->rst->side);
    int64_t last_ns = own && own->time_ns > r->from->last_data_ns ? own->time_ns : r->from->last_data_ns;
    return last_ns >= 0 && before->time_ns > last_ns ? before->time_ns - last_ns : 0;
}

static enum tca_confidence no_socket_level(const struct tca_rst *r)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_PROBABLE, TCA_PROBABLE};
    return tca_lower(tca_level(r->c, levels, TCA_BASIS_SEEN), r->trigger ? 0 : 1);
}

void judge_rst_no_socket(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = no_socket_level(&f.first);
    if (tca_rst_own_fin(&f.first))
        tca_say(j, "The %s had closed and forgotten the connection when another segment came.",
                tca_rst_who(&f.first));
    else
        tca_say(j, "The %s does not know the connection that the %s's segment belongs to.",
                tca_rst_who(&f.first), tca_rst_peer(&f.first));
}

void judge_half_open_discovered(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!tca_rst_find(c, TCA_rst_no_socket, &f) || !never_closed(&f.first))
        return;
    const struct tca_rst *r = &f.first;
    int64_t silent = silence_before(r);
    if (silent < SILENCE_NS)
        return; /* whoever resets in the middle of a conversation has not forgotten it */
    /* That it never closed is silence: its FIN may be among what is missing. */
    tca_hold(j, tca_lower(no_socket_level(r), tca_lacks_some(c)), r->rst->time_ns);
    j->actor = r->rst->side;
    j->value = silent;
    j->unit = "ns";
    tca_prove(j, r->rst);
    tca_prove(j, r->trigger);
    tca_say(j,
            "The %s had lost the connection; it was silent for %u.%03u s before the %s's segment showed it.",
            tca_rst_who(r), TCA_WHOLE_S(silent), tca_rst_peer(r));
}
