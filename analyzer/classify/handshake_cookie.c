/* SPDX-License-Identifier: MIT
 *
 * Openings that keep no state, or do not wait for it: SYN cookies and TCP Fast Open.
 *
 * A cookie is told by options that it cannot bear, by a time stamp whose low bits hold them instead, or by the window of
 * the child; and never where a timer repeated the SYN+ACK, for nobody is left to do that. Checked against RFC 7413 section
 * 4 and Linux cookie_init_timestamp(), tcp_conn_request() (5.10 to 7.2).
 */
#include "base/seq32.h"
#include "classify/handshake.h"
#include "classify/level.h"
#include "classify/opening.h"

/* ---- SYN cookies ---- */

/* Most connections of this listener show the lag: a SYN cookie's is below 4 ms once in sixteen. */
static bool listener_lags(const struct tca_listener *l)
{
    return l->cookie_skew_flows >= 3 && l->cookie_skew_flows >= l->skew_flows - l->skew_flows / 5;
}

/* As only a cookie's SYN+ACK, by its ID or by what others of the listener got. */
static bool options_missing(const struct tca_case *c, const struct tca_opening *o)
{
    return tca_cookie_options_missing(o->m, o->syn, o->synack) ||
           (c->pressed->cookie && tca_cookie_options_withheld(o->m, o->syn, o->synack));
}

static enum tca_cookie cookie_evidence(const struct tca_case *c, const struct tca_opening *o, int64_t *ret_ms)
{
    if (!o->synack || tca_opening_rung(c, o, 0))
        return TCA_COOKIE_NONE; /* nobody is left to repeat a cookie */
    if (options_missing(c, o))
        return TCA_COOKIE_STRONG;
    if (tca_opening_silent_cookie(c, o))
        return TCA_COOKIE_WEAK;
    if (!tca_cookie_lag(c->d, o->last_synack, ret_ms) || *ret_ms < TCA_COOKIE_SKEW_MIN ||
        *ret_ms > TCA_COOKIE_SKEW_MAX)
        return tca_cookie_window(c->d, o->synack) ? TCA_COOKIE_WEAK : TCA_COOKIE_NONE;
    if (listener_lags(c->listener))
        return TCA_COOKIE_STRONG;
    /* One flow away from the server: a varying path delay makes the same difference. */
    return tca_near_server(c->vantage) || tca_cookie_window(c->d, o->synack) ? TCA_COOKIE_WEAK
                                                                             : TCA_COOKIE_NONE;
}

enum tca_cookie tca_cookie_evidence(const struct tca_case *c, int64_t *ret_skew_ms)
{
    struct tca_opening o = tca_opening_of(c);
    int64_t skew = 0;
    enum tca_cookie evidence = cookie_evidence(c, &o, &skew);
    if (ret_skew_ms)
        *ret_skew_ms = skew;
    return evidence;
}

void judge_handshake_synack_cookie(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    int64_t skew = 0;
    enum tca_cookie evidence = cookie_evidence(c, &o, &skew);
    if (evidence == TCA_COOKIE_NONE || !(o.opened || tca_opening_no_request(c, &o)) || !o.syn)
        return;
    bool many = tca_near_server(c->vantage) && listener_lags(c->listener);
    enum tca_confidence level = many ? TCA_CERTAIN : TCA_PROBABLE;
    bool missing = options_missing(c, &o);
    tca_hold(j, missing ? level : tca_linux_only(c, TCA_SERVER, level), o.synack->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.synack);
    if (missing) {
        tca_prove(j, o.syn);
        tca_say(j, "The SYN+ACK has neither window scale nor SACK although the client offered both.");
        return;
    }
    if (tca_opening_silent_cookie(c, &o)) {
        j->confidence = TCA_PROBABLE;
        tca_say(j, "Nothing acknowledged the SYN+ACK and no timer repeated it, at a listener that sent SYN "
                   "cookies: there is no request.");
        return;
    }
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_CHILD, TCA_SERVER, 0));
    if (skew < TCA_COOKIE_SKEW_MIN || skew > TCA_COOKIE_SKEW_MAX) {
        j->value = tca_cookie_window(c->d, o.synack);
        j->unit = "bytes";
        tca_say(j, "The child offers %u bytes less than the SYN+ACK did, as after a SYN cookie.",
                (unsigned)j->value);
        return;
    }
    j->value = skew * TCA_MS;
    j->unit = "ns";
    tca_say(j, "The SYN+ACK's timestamp lags the server's clock by %d ms, as a SYN cookie's does.",
            (int)skew);
}

/* The handshake's own ACK did not pass: the first that did has another number, which no cookie stands for. */
static bool ack_missed(const struct tca_opening *o)
{
    return o->syn && o->ack->seq != o->syn->seq + 1;
}

/* A cookie's ACK had no effect, for the client's next segment was answered as one of no connection. */
static bool reset_without_state(const struct tca_case *c, const struct tca_opening *o)
{
    return o->ack && !o->child && tca_opening_request_reset(o) && tca_opening_no_request(c, o) &&
           (o->refusal->time_ns - o->ack->time_ns >= TCA_QUIET_NS || ack_missed(o));
}

/* The queue was full around the time when the ACK came. */
static bool queue_was_full(const struct tca_case *c, const struct tca_opening *o)
{
    return tca_listener_episode(c->listener, o->ack->time_ns, 2 * TCA_SECOND) != NULL;
}

/* Its SYN+ACK shows that it was a cookie, or all of its listener's do while others were answered, or the queue was full when the ACK came:
 * else a path that died explains it better. */
static bool has_reason(const struct tca_case *c, const struct tca_opening *o)
{
    bool cookie = c->pressed->cookie || c->pressed->vain == TCA_VAIN_COOKIE;
    return cookie || options_missing(c, o) || queue_was_full(c, o);
}

/* Sent again and again. Near the server, where what passed arrived, once is enough of what may have been a cookie: the client has got no ACK
 * of it. There a cookie that met a full queue need not be sent again. */
static bool data_met_nothing(const struct tca_case *c, const struct tca_opening *o)
{
    const struct tca_mark *data = tca_dossier_mark(c->d, TCA_MARK_FIRST_DATA, TCA_CLIENT, 0);
    const struct tca_mark *again = tca_dossier_last(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT);
    const bool near = tca_near_server(c->vantage);
    if (!data)
        return false;
    const unsigned copies = near && has_reason(c, o) ? 1 : 2;
    if (again && o->client->retx_pkts >= copies && again->time_ns - data->time_ns >= TCA_SECOND)
        return true;
    return near && o->end_ns - data->time_ns >= TCA_QUIET_NS && options_missing(c, o) && queue_was_full(c, o);
}

/* Its SYN+ACKs are all that it said, or it said nothing since the client's ACK: a cookie that was sent again has a number of
 * its own. */
static bool server_is_silent(const struct tca_mirror *m)
{
    const struct tca_side *server = &m->side[TCA_SERVER];
    return server->pkts && (server->pkts == server->synack_count || server->last_ns < m->first_ack_ns);
}

/* A request would repeat its SYN+ACK, a child would acknowledge the data: no state is left. */
static bool state_was_lost(const struct tca_case *c, const struct tca_opening *o)
{
    bool quiet =
        o->synack && o->ack && o->end_ns - o->ack->time_ns >= TCA_QUIET_NS && !tca_opening_rung(c, o, 0);
    return quiet && !o->child && !o->refusal && server_is_silent(o->m) && data_met_nothing(c, o);
}

/* There a path that died looks the same, unless it carried others, or all says that it was a cookie; and the listener must send cookies, or
 * its queue have been full. */
static bool is_told_from_afar(const struct tca_case *c, const struct tca_opening *o)
{
    if (c->pressed->vain == TCA_VAIN_COOKIE)
        return true;
    return (c->pressed->vain || options_missing(c, o)) && queue_was_full(c, o);
}

bool tca_cookie_state_lost(const struct tca_case *c)
{
    const struct tca_mirror *m = &c->d->m;
    if (m->child_proved || m->open_refuted || !m->side[TCA_CLIENT].bytes || !server_is_silent(m))
        return false;
    struct tca_opening o = tca_opening_of(c);
    if (!state_was_lost(c, &o))
        return false;
    return tca_near_server(c->vantage) ? has_reason(c, &o) : is_told_from_afar(c, &o);
}

void judge_handshake_cookie_ack_lost_state(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_POSSIBLE, TCA_POSSIBLE};
    struct tca_opening o = tca_opening_of(c);
    bool reset = reset_without_state(c, &o);
    if (!reset && !state_was_lost(c, &o))
        return;
    bool sure = has_reason(c, &o);
    if (!sure && !tca_near_server(c->vantage))
        return;
    enum tca_confidence level = tca_level(c, levels, TCA_BASIS_SILENCE);
    tca_hold(j, sure ? level : TCA_POSSIBLE, o.ack->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.synack);
    tca_prove(j, o.ack);
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_FIRST_DATA, TCA_CLIENT, 0));
    tca_prove(j, reset ? o.refusal : tca_dossier_last(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT));
    if (reset && ack_missed(&o))
        tca_say(
            j,
            "The ACK of a SYN cookie never came: the client's next segment proved nothing and drew a reset.");
    else if (reset)
        tca_say(j,
                "The ACK of a SYN cookie had no effect: the client's segment %u.%03u s later drew a reset.",
                TCA_WHOLE_S(o.refusal->time_ns - o.ack->time_ns));
    else
        tca_say(j, "The server neither took the client's data (%u copies) nor repeated its SYN+ACK.",
                (unsigned)o.client->retx_pkts + 1);
}

/* ---- fast open ---- */

static bool client_used_fast_open(const struct tca_opening *o)
{
    return o->syn && o->client->tfo_cookie && o->syn->len > 0;
}

/* The SYN+ACK acknowledges data beyond the SYN. */
static const struct tca_mark *data_taken(const struct tca_case *c, const struct tca_opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_SERVER, n)); n++)
        if (tca_opening_answered(o->client, mark) && seq_after(mark->ack, o->client->iss + 1))
            return mark;
    return NULL;
}

void judge_handshake_tfo_data_accepted(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    const struct tca_mark *taken = client_used_fast_open(&o) ? data_taken(c, &o) : NULL;
    if (!taken)
        return;
    tca_hold(j, TCA_CERTAIN, taken->time_ns);
    j->actor = TCA_SERVER;
    j->value = (int64_t)(taken->ack - (o.client->iss + 1));
    j->unit = "bytes";
    tca_prove(j, o.syn);
    tca_prove(j, taken);
    tca_say(j, "The SYN+ACK took %u of %u bytes that came on the SYN.", (unsigned)j->value,
            (unsigned)o.syn->len);
}

void judge_handshake_tfo_data_rejected(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!client_used_fast_open(&o) || !o.synack || data_taken(c, &o))
        return;
    /* A repeated SYN bears no data: only an answer to the first copy says that the data was refused. */
    bool first = o.syn_copies == 1 || (o.synack->has_ts && o.synack->tsecr == o.syn->tsval);
    if (!first)
        return;
    tca_hold(j, TCA_CERTAIN, o.synack->time_ns);
    j->actor = TCA_SERVER;
    j->value = (int64_t)o.syn->len;
    j->unit = "bytes";
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_say(j, "The SYN+ACK did not take the %u bytes on the SYN.", (unsigned)o.syn->len);
}

void judge_handshake_tfo_cookie_request(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.opened || o.stuck || !o.syn || !o.client->tfo || o.client->tfo_cookie)
        return;
    tca_hold(j, TCA_CERTAIN, o.syn->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_say(j, "The client asked for a Fast Open cookie%s.",
            o.server->tfo_cookie ? " and was given one" : "; the server gave none");
}
