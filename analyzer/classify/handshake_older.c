/* SPDX-License-Identifier: MIT
 *
 * A SYN that meets what an older connection of its tuple left behind: the server answers it with the old connection's
 * numbers, or it is itself the older one, late.
 *
 * Checked against RFC 9293 section 3.5 figure 8, RFC 5961 section 4 and Linux tcp_check_req(), tcp_timewait_state_process()
 * (5.10 to 7.2).
 */
#include "base/seq32.h"
#include "classify/level.h"
#include "classify/opening.h"

/* Sent before the tuple's last connection was, or a copy of its SYN: by the initial number itself, by timestamp, or by
 * the initial number, which a client's clock only moves forward (RFC 6528 section 3). */
static bool syn_is_old(const struct tca_opening *o)
{
    const struct tca_prior *prior = &o->m->prior;
    if (!o->syn || !prior->exists || !prior->same_client)
        return false;
    if (prior->iss_known[TCA_CLIENT] && o->syn->seq == prior->iss[TCA_CLIENT])
        return true;
    if (o->syn->has_ts && prior->ts_on[TCA_CLIENT])
        return seq_diff(prior->tsval_last[TCA_CLIENT], o->syn->tsval) > 1;
    return prior->iss_known[TCA_CLIENT] && seq_before(o->syn->seq, prior->iss[TCA_CLIENT]);
}

/* The client answers the SYN+ACK as a host that did not ask for it: reset, or an ACK of the live connection.
 */
static const struct tca_mark *disowned(const struct tca_case *c, const struct tca_opening *o)
{
    for (unsigned at = 0; o->synack && at < c->d->mark_count; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        if (mark->side != TCA_CLIENT || mark->frame < o->synack->frame)
            continue;
        if ((mark->flags & TCA_RST) && !(mark->flags & TCA_ACK) && mark->seq == o->synack->ack)
            return mark;
        if (mark->witness && (mark->roles & TCA_MARK_CHALLENGE))
            return mark;
    }
    return NULL;
}

bool tca_opening_disowned(const struct tca_case *c, const struct tca_opening *o)
{
    return syn_is_old(o) && !o->opened && disowned(c, o);
}

void judge_handshake_delayed_dup_syn(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!tca_opening_disowned(c, &o))
        return;
    tca_hold(j, TCA_PROBABLE, o.syn->time_ns);
    j->actor = TCA_ACTOR_PATH;
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_prove(j, disowned(c, &o));
    tca_say(j, "This SYN is older than the tuple's last connection; the client disowned the answer.");
}

void judge_handshake_challenge_loop(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (o.challenges < 2 || o.synack || o.opened)
        return;
    tca_hold(j, TCA_CERTAIN, o.challenge->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.challenges;
    j->unit = "count";
    tca_prove(j, o.syn);
    tca_prove(j, o.challenge);
    tca_prove(j, o.last_syn);
    tca_say(j, "%u SYN copies, answered %u times with the numbers of an older connection.", o.syn_copies,
            o.challenges);
}

/* That TIME_WAIT's answers have no IP ID is Linux' way. */
static const char *challenger(const struct tca_case *c, const struct tca_opening *o)
{
    if (!o->challenge->has_ip_id || tca_linux_only(c, TCA_SERVER, TCA_CERTAIN) != TCA_CERTAIN)
        return "an older connection";
    if (o->challenge->ip_id)
        return "an older connection that still lived";
    /* Requests and TIME_WAIT answer alike. */
    if (!c->d->m.prior.exists)
        return "an older connection in TIME_WAIT, or a request";
    return c->d->m.prior.state[TCA_SERVER] == TCA_SYN_RECV ? "a request that still waited"
                                                           : "an older connection in TIME_WAIT";
}

void judge_handshake_complete_after_challenge(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.challenges || !o.synack || !o.opened)
        return;
    tca_hold(j, TCA_CERTAIN, o.challenge->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.synack->time_ns - o.syn->time_ns;
    j->unit = "ns";
    tca_prove(j, o.syn);
    tca_prove(j, o.challenge);
    tca_prove(j, o.last_syn);
    tca_prove(j, o.synack);
    tca_say(j, "The first SYN met %s; the SYN+ACK came %u.%03u s later.", challenger(c, &o),
            TCA_WHOLE_S(o.synack->time_ns - o.syn->time_ns));
}

void judge_handshake_challenged(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.challenges || o.opened || (o.challenges > 1 && !o.synack))
        return;
    tca_hold(j, TCA_CERTAIN, o.challenge->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.syn);
    tca_prove(j, o.challenge);
    tca_say(j, "The SYN met %s at the server.", challenger(c, &o));
}
