/* SPDX-License-Identifier: MIT
 *
 * What the path, or a filter on the server's host, did to a connection in its middle.
 *
 *      an ICMP error about a segment under way              icmp_unreach_midflow, icmp_frag_needed
 *      large segments vanish, small ones arrive             pmtu_blackhole
 *      the client repeats itself in vain, others get in     before the server's tap: middlebox_state_expired, after a rest
 *                                                           behind it: conntrack_invalid_drop
 *
 * All but the first rest on silence, and silence has many causes. So each asks for something that speaks against the
 * others: a smaller piece that did pass, another connection of the same listener that got in meanwhile.
 *
 * Checked against RFC 1122 section 4.2.3.9, RFC 1191, RFC 5927 section 4 (errors must quote what is under way), RFC 8201 and
 * Linux tcp_v4_err(), tcp_v6_err(), tcp_mtu_probing(), nf_conntrack_proto_tcp.c (5.10 to 7.2).
 */
#include "base/seq32.h"
#include "classify/icmp_word.h"
#include "classify/ladder.h"
#include "classify/level.h"
#include "mirror/deviations.h"

enum {
    COPIES = 3, /* so many of one segment without effect are no chance */
    SURE_COPIES = 5,
    LARGE = 1000, /* no link on the way of a healthy segment carries less payload */
};
/* No device forgets an idle connection sooner, as a rule; shorter rests have other reasons. */
static const int64_t REST_NS = 60 * TCA_SECOND;
/* Others may get in a little after the last copy, too. */
static const int64_t MEANWHILE_NS = 10 * TCA_SECOND;
/* Closer than this, copies are a recovery and not the ladder of a timer. */
static const int64_t RUNG_NS = 150 * TCA_MS;

/* ---- ICMP errors ---- */

/* What it quotes is sent and not acknowledged, or a bare ACK of now: hosts take no other error (RFC 5927 section 4.1).
 * SYNs have findings of their own. */
static bool quotes_under_way(const struct tca_case *c, const struct tca_mark *error)
{
    const struct tca_side *sender = &c->d->m.side[error->side], *peer = &c->d->m.side[1 - error->side];
    if (!sender->nxt_known || seq_after(error->seq, error->sent_end))
        return false;
    if (sender->iss_known && error->seq == sender->iss)
        return false;
    return !peer->acked_known || seq_after_eq(error->seq, error->peer_acked);
}

static bool is_frag_needed(const struct tca_case *c, const struct tca_mark *error)
{
    return tca_icmp_is_frag_needed(c->d->family, error->icmp_type, error->icmp_code);
}

static bool is_unreachable(const struct tca_case *c, const struct tca_mark *error)
{
    return tca_icmp_is_unreachable(c->d->family, error->icmp_type, error->icmp_code);
}

/* The first error of this kind, proved with those that follow; NULL if there is none. */
static const struct tca_mark *hold_icmp(const struct tca_case *c, struct tca_judgement *j,
                                        bool (*kind)(const struct tca_case *, const struct tca_mark *))
{
    const struct tca_mark *error, *first = NULL;
    for (unsigned n = 0; (error = tca_dossier_mark(c->d, TCA_MARK_ICMP, -1, n)); n++) {
        if (!kind(c, error) || !quotes_under_way(c, error))
            continue;
        first = first ? first : error;
        tca_prove(j, error);
    }
    if (!first)
        return NULL;
    tca_hold(j, TCA_CERTAIN, first->time_ns);
    j->actor = first->icmp_from_peer ? (uint8_t)(1 - first->side) : TCA_ACTOR_PATH;
    return first;
}

void judge_icmp_unreach_midflow(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_mark *error = hold_icmp(c, j, is_unreachable);
    if (!error)
        return;
    const char *words = tca_icmp_word(c->d->family, error);
    j->value = j->frame_count;
    j->unit = "pkts";
    tca_say(j, "ICMP \"%s\" (type %d code %d) from %s answered a segment of the %s's.",
            words ? words : "destination unreachable", error->icmp_type, error->icmp_code,
            error->icmp_from_peer ? "the peer itself" : "another address", tca_role_name[error->side]);
}

void judge_icmp_frag_needed(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_mark *error = hold_icmp(c, j, is_frag_needed);
    if (!error)
        return;
    j->value = error->icmp_mtu;
    j->unit = "bytes";
    if (error->icmp_mtu)
        tca_say(j, "A router told the %s that a link of the path carries packets of %u bytes at most.",
                tca_role_name[error->side], error->icmp_mtu);
    else
        tca_say(j, "A router told the %s that its packets are too large for a link of the path.",
                tca_role_name[error->side]);
}

/* ---- one segment again and again ---- */

struct run {
    const struct tca_mark *first, *last; /* repeats kept, of one segment: the original is one more */
    unsigned repeats;                    /* at a timer's distance from the one before */
};

/* Repeats of that side with the sequence number of `start`, and its length, if `same_size`. */
static struct run run_of(const struct tca_case *c, const struct tca_mark *start, bool same_size)
{
    struct run run = {.first = start, .last = start, .repeats = 1};
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_DATA_RETX, start->side, n)); n++) {
        if (mark->frame <= run.last->frame || mark->seq != start->seq ||
            (same_size && mark->len != start->len) || mark->time_ns - run.last->time_ns < RUNG_NS)
            continue;
        run.last = mark;
        run.repeats++;
    }
    return run;
}

/* ---- large segments ---- */

/* The same bytes again in a smaller piece, which was acknowledged. */
static const struct tca_mark *piece_that_passed(const struct tca_case *c, const struct run *run)
{
    const struct tca_side *peer = &c->d->m.side[1 - run->first->side];
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_DATA_RETX, run->first->side, n)); n++)
        if (mark->frame > run->last->frame && mark->seq == run->first->seq && mark->len < run->first->len &&
            peer->acked_known && seq_after_eq(peer->acked, mark->seq + mark->len))
            return mark;
    return NULL;
}

/* The capture point lies behind the path of what this side sends: what passes here has arrived. */
static bool arrived_here(const struct tca_case *c, int side)
{
    return c->vantage == TCA_VANTAGE_SAME_HOST || (c->vantage == TCA_VANTAGE_SERVER && side == TCA_CLIENT) ||
           (c->vantage == TCA_VANTAGE_CLIENT && side == TCA_SERVER);
}

/* The first large segment that was repeated and never arrived in one piece; `repeats` 0: none. */
static struct run large_run(const struct tca_case *c, int side)
{
    const struct tca_side *s = &c->d->m.side[side];
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_DATA_RETX, side, n)); n++) {
        if (mark->len < LARGE || mark->len <= s->passed_len)
            continue;
        struct run run = run_of(c, mark, true);
        if (run.repeats + 1 >= COPIES)
            return run;
    }
    return (struct run){.repeats = 0};
}

static bool large_vanish(const struct tca_case *c, struct tca_judgement *j, int side)
{
    const struct tca_side *s = &c->d->m.side[side];
    if (arrived_here(c, side) || !s->retx_pkts)
        return false;
    struct run run = large_run(c, side);
    const struct tca_mark *piece = run.repeats ? piece_that_passed(c, &run) : NULL;
    if (!run.repeats || !(piece || s->small_passed))
        return false;
    enum tca_confidence level = tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE);
    tca_hold(j, tca_lower(level, !piece && run.repeats + 1 < SURE_COPIES), run.first->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = run.first->len;
    j->unit = "bytes";
    tca_prove(j, run.first);
    tca_prove(j, run.last);
    tca_prove(j, piece);
    if (piece)
        tca_say(j, "%u copies of the %s's segment of %u bytes vanished; in pieces of %u bytes they arrived.",
                run.repeats + 1, tca_role_name[side], run.first->len, piece->len);
    else
        tca_say(j, "%u copies of the %s's segment of %u bytes vanished; smaller ones behind it arrived.",
                run.repeats + 1, tca_role_name[side], run.first->len);
    return true;
}

void judge_pmtu_blackhole(const struct tca_case *c, struct tca_judgement *j)
{
    if (!large_vanish(c, j, TCA_SERVER))
        large_vanish(c, j, TCA_CLIENT);
}

/* ---- the client speaks and nothing answers ---- */

struct vain {
    const struct tca_mark *first, *last;
    unsigned copies;
    int64_t rest_ns; /* since the server's last segment */
};

/* Payload, or a FIN, of an open connection that the server never answered by any segment, up to the end. */
static bool in_vain(const struct tca_case *c, struct vain *ret_vain)
{
    const struct tca_mirror *m = &c->d->m;
    const struct tca_side *client = &m->side[TCA_CLIENT], *server = &m->side[TCA_SERVER];
    const struct tca_mark *data = tca_dossier_last(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT);
    const struct tca_mark *fin = tca_dossier_mark(c->d, TCA_MARK_FIN, TCA_CLIENT, 0);
    if (!m->child_proved || server->last_ns < 0 || server->fin_sent || server->rst_count ||
        client->bad_checksums || server->zero_open || m->damage & TCA_DAMAGE_ONE_WAY)
        return false;
    const struct tca_mark *start = data ? tca_dossier_mark(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT, 0) : NULL;
    for (unsigned n = 0; start && start->seq != data->seq; n++)
        start = tca_dossier_mark(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT, n);
    if (start && start->time_ns > server->last_ns) {
        struct run run = run_of(c, start, false);
        *ret_vain = (struct vain){run.first, run.last, run.repeats + 1, run.first->time_ns - server->last_ns};
    } else if (fin && fin->time_ns > server->last_ns && client->fin_count >= COPIES && !data) {
        const struct tca_mark *last = tca_dossier_last(c->d, TCA_MARK_FIN, TCA_CLIENT);
        *ret_vain = (struct vain){fin, last, (unsigned)client->fin_count, fin->time_ns - server->last_ns};
    } else {
        return false;
    }
    return ret_vain->copies >= COPIES;
}

/* The rest was one: nothing of the client either, no probe that was not answered. */
static bool rested(const struct tca_case *c, const struct vain *v)
{
    const struct tca_mark *probe = tca_dossier_last(c->d, TCA_MARK_KEEPALIVE, TCA_CLIENT);
    return v->rest_ns >= REST_NS &&
           !(probe && probe->time_ns > c->d->m.side[TCA_SERVER].last_ns && probe->frame < v->last->frame);
}

static void hold_vain(const struct tca_case *c, struct tca_judgement *j, const struct vain *v,
                      enum tca_confidence level)
{
    tca_hold(j, level, v->first->time_ns);
    j->value = v->copies;
    j->unit = "pkts";
    tca_prove(j, v->first);
    tca_prove(j, v->last);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, TCA_SERVER));
}

static bool others_got_in(const struct tca_case *c, const struct vain *v)
{
    return tca_listener_admits(c->listener, v->first->time_ns, v->last->time_ns + MEANWHILE_NS);
}

/* The capture was taken on the server's host: near it, and no hop has lowered its TTL. */
static bool on_server_host(const struct tca_case *c)
{
    uint8_t ttl = c->d->m.side[TCA_SERVER].ttl;
    return tca_near_server(c->vantage) && (ttl == 64 || ttl == 128 || ttl == 255);
}

void judge_middlebox_state_expired(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_POSSIBLE, TCA_POSSIBLE, TCA_PROBABLE};
    struct vain v;
    if (on_server_host(c) || !in_vain(c, &v) || !rested(c, &v) || !others_got_in(c, &v))
        return;
    hold_vain(c, j, &v, tca_level(c, levels, TCA_BASIS_SILENCE));
    j->actor = TCA_ACTOR_PATH;
    tca_say(j,
            "After %u.%03u s of rest %u copies of the client's segment got no answer, while the service took "
            "new connections.",
            TCA_WHOLE_S(v.rest_ns), v.copies);
}

/* Every ACK of a ladder of SYN+ACKs was ignored although nobody waited in the queue. */
static bool ladder_in_vain(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    const struct tca_ladder *l = &r.ladder;
    if (l->child || l->stuck < COPIES || !l->ack || r.cause != TCA_CAUSE_ACK_LOSS || l->named)
        return false;
    tca_hold(j, TCA_POSSIBLE, l->ack->time_ns);
    j->value = l->stuck;
    j->unit = "pkts";
    tca_prove(j, l->ack);
    tca_prove(j, l->first_stuck);
    tca_prove(j, l->last);
    tca_say(j,
            "%u SYN+ACKs were repeated although the client's ACKs had come this far; others were let in "
            "meanwhile.",
            l->stuck);
    return true;
}

/* What the client repeats has come as far as the server's host, and no answer left it. */
static bool client_in_vain(const struct tca_case *c, struct tca_judgement *j)
{
    struct vain v;
    if (!in_vain(c, &v) || !others_got_in(c, &v))
        return false;
    hold_vain(c, j, &v, TCA_POSSIBLE);
    tca_say(j,
            "%u copies of the client's segment came this far and the server's TCP answered none; the service "
            "took others.",
            v.copies);
    return true;
}

void judge_conntrack_invalid_drop(const struct tca_case *c, struct tca_judgement *j)
{
    if (!on_server_host(c) || !(ladder_in_vain(c, j) || client_in_vain(c, j)))
        return;
    j->actor = TCA_SERVER;
}

/* ---- what nobody should send ---- */

void judge_syn_data_no_tfo(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_side *client = &c->d->m.side[TCA_CLIENT];
    const struct tca_mark *syn;
    if (client->tfo || c->d->m.damage & TCA_DAMAGE_SNAPLEN)
        return;
    for (unsigned n = 0; (syn = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n)); n++)
        if (syn->len)
            break;
    if (!syn)
        return;
    const struct tca_mark *answer = tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    bool taken = answer && seq_after(answer->ack, syn->seq + 1);
    tca_hold(j, TCA_CERTAIN, syn->time_ns);
    j->actor = TCA_CLIENT;
    j->value = syn->len;
    j->unit = "bytes";
    tca_prove(j, syn);
    tca_prove(j, taken ? answer : NULL);
    tca_say(j, "The SYN carried %u bytes without the option of TCP Fast Open%s.", syn->len,
            taken ? ", and the server took them" : "");
}
