/* SPDX-License-Identifier: MIT
 *
 * Attempts that came to nothing: refused, taken back, never answered, never acknowledged.
 *
 * That nothing came back is worth what the capture could have seen: silence is judged by vantage, and only after the time
 * in which a timer would have tried again. Checked against RFC 9293 section 3.10.7 and Linux tcp_write_timeout(),
 * tcp_v4_err() (5.10 to 7.2).
 */
#include "classify/icmp_word.h"
#include "classify/level.h"
#include "classify/opening.h"

/* ---- refused ---- */

static bool refused(const struct tca_opening *o)
{
    return o->syn && !o->server->synack_count && !o->opened && o->refusal && (o->refusal->flags & TCA_ACK) &&
           tca_opening_answered(o->client, o->refusal);
}

void judge_handshake_refused_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!refused(&o))
        return;
    tca_hold(j, TCA_CERTAIN, o.refusal->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.syn);
    tca_prove(j, o.refusal);
    int64_t took = o.refusal->time_ns - o.syn->time_ns;
    tca_say(j, "The SYN was answered with a reset after %u.%03u s.", TCA_WHOLE_S(took));
}

static const struct tca_mark *icmp_for_syn(const struct tca_case *c, const struct tca_opening *o)
{
    const struct tca_mark *mark;
    if (!o->syn || o->server->synack_count || o->refusal || o->opened)
        return NULL;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_ICMP, TCA_CLIENT, n)); n++)
        if (mark->seq == o->client->iss && tca_icmp_word(c->d->family, mark))
            return mark;
    return NULL;
}

void judge_handshake_refused_icmp(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    const struct tca_mark *error = icmp_for_syn(c, &o);
    if (!error)
        return;
    tca_hold(j, TCA_CERTAIN, error->time_ns);
    j->actor = error->icmp_from_peer ? TCA_SERVER : TCA_ACTOR_PATH;
    tca_prove(j, o.syn);
    tca_prove(j, error);
    tca_say(j, "ICMP \"%s\" (type %d code %d) from %s answered the SYN.", tca_icmp_word(c->d->family, error),
            error->icmp_type, error->icmp_code,
            error->icmp_from_peer ? "the server itself" : "another address");
}

/* ---- given up, or never answered ---- */

static bool withdrew_after_synack(const struct tca_opening *o)
{
    return o->synack && o->withdrawal && o->withdrawal->frame > o->synack->frame && !o->ack && !o->challenges;
}

void judge_handshake_half_open_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!withdrew_after_synack(&o) || tca_opening_disowned(c, &o))
        return;
    tca_hold(j, tca_level(c, tca_levels_but_client, TCA_BASIS_SEEN), o.withdrawal->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn ? o.syn : o.synack);
    tca_prove(j, o.synack);
    tca_prove(j, o.withdrawal);
    bool late = o.syn_copies > 1;
    int off = o.syn ? (int)o.syn->ttl - (int)o.withdrawal->ttl : 0;
    tca_say(j, "The client answered the SYN+ACK with a reset%s%s.",
            late ? "; it had repeated its SYN before and may have given up" : "",
            off > 1 || off < -1 ? "; its TTL differs from the SYN's" : "");
}

void judge_handshake_client_abort(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.syn || !o.withdrawal || o.opened || o.challenges || o.withdrawal->frame < o.syn->frame ||
        (o.synack && o.synack->frame < o.withdrawal->frame))
        return;
    tca_hold(j, TCA_CERTAIN, o.withdrawal->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    tca_prove(j, o.withdrawal);
    tca_say(j, "The client reset its own SYN after %u.%03u s.",
            TCA_WHOLE_S(o.withdrawal->time_ns - o.syn->time_ns));
}

/* Of an answer that may have passed elsewhere. */
static const char *in_what(int unheard)
{
    return unheard ? " in this capture, which lacks segments of that server" : "";
}

static bool nothing_came_back(const struct tca_opening *o)
{
    return o->syn && !o->server->synack_count && !o->m->server_syn_bare && !o->refusal && !o->withdrawal &&
           !o->challenges && !o->opened;
}

/* Copies of a SYN that the client's kernel sends if nothing comes back, by what is known of it; 0: not enough. The first
 * intervals are a second each and do not count as retries, but the time that is left does not depend on them
 * (tcp_write_timeout). */
static unsigned syn_copies_known(const struct tca_case *c)
{
    int64_t retries = 0, linear = 0, interval = 1, elapsed = 1;
    const struct tca_host *client = c->host[TCA_CLIENT];
    if (!tca_host_knows(client, TCA_SETTING_tcp_syn_retries, &retries) ||
        !tca_host_knows(client, TCA_SETTING_tcp_syn_linear_timeouts, &linear) || retries < 1 ||
        retries > 30 || linear < 0 || linear > UINT8_MAX)
        return 0;
    int64_t repeats = 0, longest = 120;
    while (repeats < retries + linear && elapsed < (INT64_C(2) << retries) - 1) {
        repeats++;
        interval = repeats <= linear ? 1 : interval < longest / 2 ? 2 * interval : longest;
        elapsed += interval;
    }
    return (unsigned)repeats + 1;
}

/* The client has begun another attempt: this one is over, however soon. */
static bool tried_anew(const struct tca_case *c)
{
    return c->d->anew_ns != 0;
}

/* What ended a ladder of SYNs that is over. Away from the client, copies may have been lost before the capture point. */
static const char *end_of_syns(const struct tca_case *c, const struct tca_opening *o)
{
    unsigned copies = syn_copies_known(c);
    bool near = c->vantage == TCA_VANTAGE_CLIENT || c->vantage == TCA_VANTAGE_SAME_HOST;
    if (tried_anew(c))
        return "; then the client tried anew with another number";
    if (copies && o->syn_copies == copies)
        return "; that was its last try, as tcp_syn_retries says";
    if (copies && near && o->syn_copies < copies)
        return "; its application gave up sooner than tcp_syn_retries says";
    return "; then the client gave up";
}

/* An answer that came after it was finished early is another row's. */
static int unwatched(const struct tca_case *c)
{
    return c->d->cut_short;
}

/* Between times that leap from 1970 to 2116 and back, so that more than twice of it can be told. */
static int64_t in_decades(int64_t gap_ns)
{
    const int64_t most_ns = INT64_C(1) << 60;
    return gap_ns > most_ns ? most_ns : gap_ns < -most_ns ? -most_ns : gap_ns;
}

void judge_handshake_no_answer(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!nothing_came_back(&o) || o.syn_copies < 2 || icmp_for_syn(c, &o))
        return;
    int64_t waited = o.end_ns - o.last_syn->time_ns, next = 2 * in_decades(o.client->syn_gap_ns);
    /* One lost SYN whose repeat has just left is no silence yet. */
    if (waited < TCA_SECOND && o.syn_copies < 4 && !tried_anew(c))
        return;
    bool over = waited >= next + next / 8 || tried_anew(c);
    int unheard = tca_unheard(c, TCA_SERVER);
    tca_hold(j, tca_lower(over ? TCA_CERTAIN : TCA_PROBABLE, unheard + unwatched(c)), o.syn->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.syn_copies;
    j->unit = "pkts";
    for (unsigned n = 0; n < TCA_PROOF_MAX - 1; n++)
        tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n));
    tca_prove(j, o.last_syn);
    tca_say(j, "%u SYN copies over %u.%03u s and no answer%s%s.", o.syn_copies,
            TCA_WHOLE_S(o.last_syn->time_ns - o.syn->time_ns), in_what(unheard),
            over ? end_of_syns(c, &o) : "; the ladder may go on after the capture");
}

void judge_handshake_syn_only(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!nothing_came_back(&o) || o.syn_copies != 1 || icmp_for_syn(c, &o) ||
        (o.end_ns - o.syn->time_ns < TCA_RUNG_NS && !tried_anew(c)))
        return;
    int unheard = tca_unheard(c, TCA_SERVER);
    tca_hold(j, tca_lower(TCA_CERTAIN, unheard + unwatched(c)), o.syn->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    if (tried_anew(c)) {
        tca_say(j, "One SYN, not answered%s; after %u.%03u s the client tried anew with another number.",
                in_what(unheard), TCA_WHOLE_S(tca_interval(o.syn->time_ns, c->d->anew_ns)));
        return;
    }
    tca_say(j, "One SYN, not answered and not repeated within %u.%03u s.",
            TCA_WHOLE_S(o.end_ns - o.syn->time_ns));
}

/* A rung would have passed. */
static bool waited(const struct tca_opening *o)
{
    return o->synack && o->end_ns - o->synack->time_ns >= TCA_RUNG_NS;
}

/* Before that not the capture ended but this attempt: a later SYN of the tuple had its answer. */
static bool replaced(const struct tca_opening *o)
{
    return !waited(o) && !o->stuck && !o->refusal && o->m->end_ns >= 0;
}

static const char *half_open_how(const struct tca_opening *o)
{
    if (replaced(o))
        return "no acknowledgment was seen before another connection took its place";
    if (!o->stuck)
        return "no acknowledgment was seen";
    return tca_opening_request_reset(o) ? "in the end a reset answered the client"
                                        : "it took none of the acknowledgments";
}

static const struct tca_levels HALF_OPEN = {TCA_CERTAIN, TCA_PROBABLE, TCA_POSSIBLE};

/* A request that waits repeats its SYN+ACK, and answers a repeated SYN by another. Where neither shows although the timer
 * was due, the acknowledgment may be what is missing; or there is no request, but a SYN cookie, where what would tell that of
 * the listener was cut. */
static enum tca_confidence silent_level(const struct tca_case *c, const struct tca_opening *o)
{
    bool repeated = o->last_synack->time_ns - o->synack->time_ns >= TCA_TIMER_NS;
    if (o->m->damage & TCA_DAMAGE_ONE_WAY)
        return TCA_POSSIBLE;
    return tca_lower(tca_level(c, HALF_OPEN, TCA_BASIS_SILENCE), repeated ? 0 : 1 + c->listener->cut);
}

/* The client's last acknowledgment is refuted by the rung after it, twice as far off as the last one (RFC 6298 section
 * 5.5). Where that was not due yet, it may have opened the connection: of one that was in vain nothing follows for the
 * next. */
static enum tca_confidence stuck_level(const struct tca_case *c, const struct tca_opening *o)
{
    enum tca_confidence level = tca_level(c, HALF_OPEN, TCA_BASIS_SEEN);
    const struct tca_mark *last = tca_dossier_last(c->d, TCA_MARK_OPEN_ACK, TCA_CLIENT);
    int64_t ladder_ns = o->last_synack->time_ns - o->synack->time_ns;
    bool answered = last && last->frame > o->last_synack->frame;
    bool undue = o->end_ns - o->last_synack->time_ns < ladder_ns + TCA_RUNG_NS;
    return tca_lower(level, answered && undue && !tca_opening_request_reset(o) && !tca_opening_rung(c, o, 1));
}

void judge_handshake_half_open(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    bool silent = (waited(&o) || replaced(&o)) && !o.opened && !o.withdrawal && o.syn;
    if (!o.synack || !o.syn || !(silent || o.stuck) || tca_opening_no_request(c, &o) ||
        tca_opening_ack_unseen(c, &o))
        return;
    tca_hold(j, o.stuck ? stuck_level(c, &o) : silent_level(c, &o), o.synack->time_ns);
    j->actor = o.stuck ? TCA_SERVER : TCA_CLIENT;
    j->value = (int64_t)o.server->synack_count;
    j->unit = "pkts";
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_prove(j, o.ack);
    tca_prove(j, o.last_synack);
    tca_prove(j, tca_opening_request_reset(&o) ? o.refusal : NULL);
    tca_say(j, "%u SYN+ACK, and the server never left SYN_RECV: %s.", (unsigned)o.server->synack_count,
            half_open_how(&o));
}
