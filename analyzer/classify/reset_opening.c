/* SPDX-License-Identifier: MIT
 *
 * Resets before a connection was open: the attempt is refused, the request given up, or either end says that it knows
 * nothing of it.
 *
 * A listener keeps requests, not sockets, so its resets of them are replies (shape P) with its first number; children that
 * wait in the accept queue are sockets, and closing the listener resets them actively (shape X), all at once. Checked
 * against RFC 9293 section 3.10.7 and Linux tcp_check_req(), inet_csk_listen_stop() (5.10 to 7.2).
 */
#include "base/seq32.h"
#include "classify/opening.h"
#include "classify/resets.h"

/* Resets of one closing listener. */
static const int64_t BURST_NS = 20 * TCA_MS;

/* A reply, the round trip to the server aside. */
static const int64_t PROMPT_NS = 50 * TCA_MS;

/* No request of full length and no SYN cookie expires earlier than this. */
static const int64_t REQUEST_NS = 60 * TCA_SECOND;

/* A request's receive window, which is never scaled, is no larger. */
enum { REQUEST_WINDOW = 65535 };

/* ---- the attempt ---- */

bool tca_rst_is_refused(const struct tca_rst *r)
{
    return (r->rst->flags & TCA_ACK) && r->rst->receiver_state == TCA_SYN_SENT &&
           r->rst->rst_fit == TCA_RST_EXACT;
}

/* Another SYN, inside the window of a request that still waits: tcp_check_req() resets it, and the request is gone. */
bool tca_rst_is_embryonic_dup(const struct tca_rst *r)
{
    const struct tca_prior *prior = &r->c->d->m.prior;
    if (!tca_rst_is_refused(r) || r->rst->side != TCA_SERVER || !prior->exists ||
        !prior->iss_known[TCA_CLIENT] || prior->state[TCA_SERVER] != TCA_SYN_RECV)
        return false;
    return seq_after(r->to->iss, prior->iss[TCA_CLIENT]) &&
           r->to->iss - prior->iss[TCA_CLIENT] <= REQUEST_WINDOW;
}

/* It came another way than whatever else this host sent: a device before it may have refused in its name. */
static bool other_ttl(const struct tca_rst *r)
{
    const struct tca_host *host = r->c->host[r->rst->side];
    return host->ttl_most && (r->rst->ttl > host->ttl_most + 1 || r->rst->ttl + 1 < host->ttl_least);
}

void judge_rst_refused(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!c->d->m.side[TCA_CLIENT].rst_count && !c->d->m.side[TCA_SERVER].rst_count)
        return;
    if (!tca_rst_hold(c, j, TCA_CERTAIN, &f))
        return;
    tca_say(j, "The %s refused the connection.", tca_rst_who(&f.first));
    if (!other_ttl(&f.first))
        return;
    j->confidence = TCA_PROBABLE;
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "The connection was refused, but not by the %s, it seems: the reset's TTL is %u, its own %u.",
            tca_rst_who(&f.first), (unsigned)f.first.rst->ttl,
            (unsigned)c->host[f.first.rst->side]->ttl_most);
}

void judge_rst_embryonic_dup(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};
    struct tca_rst_found f;
    if (!c->d->m.side[TCA_SERVER].rst_count || !tca_rst_hold(c, j, tca_level(c, levels, TCA_BASIS_SEEN), &f))
        return;
    tca_say(j,
            "The SYN met the server's half-open connection of the same ports, whose SYN had another number, "
            "inside its window: the server reset it and forgot both.");
}

/* Sent by a host that is opening another connection, or answers the SYN+ACK to a SYN from long ago. */
bool tca_rst_is_to_challenge(const struct tca_rst *r)
{
    if (r->shape != TCA_SHAPE_P || !r->trigger)
        return false;
    if (r->rst->sender_state == TCA_SYN_SENT && r->from->iss_known && r->trigger->ack != r->from->iss + 1)
        return true;
    bool synack = (r->trigger->flags & (TCA_SYN | TCA_ACK)) == (TCA_SYN | TCA_ACK);
    const struct tca_prior *prior = &r->c->d->m.prior;
    return synack && r->rst->side == TCA_CLIENT && prior->exists && prior->ts_on[TCA_CLIENT] &&
           r->from->ts_on && r->from->iss_known &&
           seq_before(r->from->tsval_last, prior->tsval_last[TCA_CLIENT]);
}

void judge_rst_to_challenge(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (tca_rst_hold(c, j, TCA_CERTAIN, &f))
        tca_say(j, "The %s reset what the %s held of an older connection.", tca_rst_who(&f.first),
                tca_rst_peer(&f.first));
}

/* Nothing of the other end had passed, neither of this connection nor of an older one: it answers nothing. */
bool tca_rst_is_syn_sent_abort(const struct tca_rst *r)
{
    const struct tca_dossier *d = r->c->d;
    if (r->rst->sender_state != TCA_SYN_SENT || r->rst->side != TCA_CLIENT)
        return false;
    for (unsigned at = 0; at < d->mark_count && d->mark[at].frame < r->rst->frame; at++)
        if (d->mark[at].side == TCA_SERVER || (d->mark[at].roles & TCA_MARK_ICMP))
            return false;
    return true;
}

void judge_rst_syn_sent_abort(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_PROBABLE, TCA_CERTAIN};
    struct tca_rst_found f;
    if (!c->d->m.side[TCA_CLIENT].rst_count ||
        !tca_rst_hold(c, j, tca_level(c, levels, TCA_BASIS_SILENCE), &f))
        return;
    const struct tca_mark *syn = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, 0);
    tca_prove(j, syn);
    int64_t after_ns = syn ? j->time_ns - syn->time_ns : 0;
    tca_say(j, "The client took its SYN back by a reset after %u.%03u s, before any answer.",
            TCA_WHOLE_S(after_ns));
}

/* ---- the request ---- */

/* The server resets a connection that it has not opened yet: bare, with its first number. */
static bool in_request(const struct tca_rst *r)
{
    return r->shape == TCA_SHAPE_P && r->rst->side == TCA_SERVER && !r->c->d->m.child_proved &&
           r->from->synack_count && r->from->iss_known && r->rst->seq == r->from->iss + 1 &&
           r->c->d->m.first_ack_ns >= 0;
}

bool tca_rst_is_request_expired(const struct tca_rst *r)
{
    if (!in_request(r))
        return false;
    int64_t since = r->rst->time_ns - r->from->syn_last_ns;
    int64_t life = tca_host_request_ns(r->c->host[TCA_SERVER]);
    if (life >= 0 && r->rst->time_ns - r->c->d->m.first_synack_ns >= life)
        return true;
    if (r->from->synack_count < 2)
        return since >= REQUEST_NS;
    int64_t interval = tca_mirror_synack_wait_ns(&r->c->d->m);
    return r->from->syn_gap_ns >= TCA_SECOND / 2 && since >= interval - interval / 10;
}

void judge_rst_request_expired(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!c->d->m.side[TCA_SERVER].rst_count ||
        !tca_rst_hold(c, j, tca_level(c, tca_levels_but_client, TCA_BASIS_SEEN), &f))
        return;
    if (f.first.from->synack_count < 2)
        j->confidence = tca_lower(j->confidence, 1); /* the end of the ladder was not seen */
    tca_say(
        j,
        "The server forgot the request after %u SYN+ACK; what the client sent %u.%03u s after the last one "
        "met nothing any more.",
        (unsigned)f.first.from->synack_count, TCA_WHOLE_S(j->time_ns - f.first.from->syn_last_ns));
}

static bool near_burst(const struct tca_rst *r, int64_t after_ns)
{
    const struct tca_listener *l = r->c->listener;
    int64_t since = r->rst->time_ns - l->closed_burst_ns;
    return l->closed_burst >= 2 && since >= -BURST_NS && since <= after_ns;
}

/* The request went with its listener; the handshake's last ACK found neither. */
static bool met_closed(const struct tca_rst *r)
{
    const struct tca_listener *l = r->c->listener;
    return tca_listener_closed_at(l, r->rst->time_ns) && !tca_rst_is_request_expired(r) &&
           !tca_listener_episode(l, r->rst->time_ns, TCA_SECOND);
}

/* A server that resets what its client has closed answers that, and says nothing of its listener. */
bool tca_rst_is_listener_closed(const struct tca_rst *r)
{
    if (r->rst->side != TCA_SERVER || !r->from->iss_known || r->rst->seq != r->from->iss + 1 ||
        r->from->bytes || tca_rst_first_fin(r, TCA_CLIENT))
        return false;
    if (r->shape == TCA_SHAPE_X)
        return near_burst(r, BURST_NS);
    return in_request(r) && (near_burst(r, REQUEST_NS) || met_closed(r));
}

void judge_rst_listener_closed(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!c->d->m.side[TCA_SERVER].rst_count ||
        !tca_rst_hold(c, j, tca_level(c, tca_levels_but_client, TCA_BASIS_SEEN), &f))
        return;
    /* A SYN that is refused, or a third child, leaves no doubt; a request answered later keeps some. */
    bool sure = tca_rst_is_active(&f.first) && (c->listener->refused || c->listener->closed_burst >= 3);
    bool part = c->listener->closed_in_part; /* or a process ended that had accepted them all */
    if (!sure || part)
        j->confidence = tca_lower(j->confidence, 1);
    if (!near_burst(&f.first, REQUEST_NS)) {
        tca_say(j, "The listener was closed: the handshake's last ACK found no request any more, and SYNs "
                   "were refused.");
        return;
    }
    tca_say(j, "%s was closed: %u connections that nobody had accepted were reset together.",
            part ? "One listener of several" : "The listener", (unsigned)c->listener->closed_burst);
}

/* Answered at once, and with an acknowledgment that a request would have taken (tcp_check_req). */
static bool answers_open_ack(const struct tca_rst *r)
{
    const struct tca_mark *ack = r->trigger;
    if (!ack || ack->side != TCA_CLIENT || (ack->flags & (TCA_SYN | TCA_ACK)) != TCA_ACK ||
        !seq_after(ack->seq, r->to->iss))
        return false;
    int64_t path = r->c->d->m.path_to_server_ns;
    return r->rst->time_ns - ack->time_ns <= (path > 0 ? path : 0) + PROMPT_NS;
}

/* Bare in every respect, as a kernel without a socket builds it: other builders fill in a window or a number. */
static bool is_bare(const struct tca_mark *rst)
{
    return !rst->window && !rst->ack && !rst->has_ts;
}

/* No request was left that an overflow could have aborted: near the server it would have repeated its SYN+ACK before the
 * client's first segment came; or there was a SYN cookie, which holds for the number behind the SYN and for no other
 * (syncookies.c __cookie_v4_check). A cookie that a full queue refuses is refused without a word. */
static bool had_no_request(const struct tca_rst *r)
{
    bool first = r->c->d->m.first_ack_ns >= r->trigger->time_ns && r->from->synack_count == 1;
    bool late = r->rst->time_ns - r->from->syn_last_ns >= TCA_RUNG_NS;
    bool unverified = r->c->listener->cookie_count && r->trigger->seq != r->to->iss + 1;
    return (first && late && tca_near_server(r->c->vantage)) || unverified;
}

bool tca_rst_is_abort_on_overflow(const struct tca_rst *r)
{
    int64_t aborts;
    bool never =
        tca_host_knows(r->c->host[TCA_SERVER], TCA_SETTING_tcp_abort_on_overflow, &aborts) && !aborts;
    return !never && in_request(r) && is_bare(r->rst) && answers_open_ack(r) && !had_no_request(r);
}

/* Siblings decide: one reset alone may come from anything in front of the service. */
static enum tca_confidence overflow_level(const struct tca_rst *r)
{
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};
    const struct tca_listener *l = r->c->listener;
    bool near = tca_near_server(r->c->vantage);
    bool siblings = l->aborted_opens >= 2 || tca_listener_episode(l, r->rst->time_ns, TCA_SECOND);
    if (!near && !siblings)
        return TCA_POSSIBLE;
    if (tca_listener_aborts(l))
        return TCA_CERTAIN;
    enum tca_confidence level = tca_level(r->c, levels, TCA_BASIS_SEEN);
    bool odd = l->refused > 0 || (r->rst->has_ip_id && r->rst->ip_id);
    return odd ? tca_lower(level, 1) : level;
}

void judge_rst_abort_on_overflow(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_rst_found f;
    if (!c->d->m.side[TCA_SERVER].rst_count || !tca_rst_hold(c, j, TCA_POSSIBLE, &f))
        return;
    j->confidence = tca_linux_only(c, TCA_SERVER, overflow_level(&f.first));
    tca_say(j, "The server reset the connection in answer to the handshake's last ACK.");
}
