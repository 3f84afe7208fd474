/* SPDX-License-Identifier: MIT
 *
 * Deciding what a ladder of SYN+ACKs came from. The decision table over the flow's own rungs is in rungs.c; where it
 * leaves several causes, the listener's other connections decide.
 */
#include "classify/ladder.h"

#include "classify/memory.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* After the only rung a child would be quiet, a request would repeat two seconds later. */
static const int64_t NEXT_RUNG_NS = 2300 * MS;
/* Idle connections that must agree before one rung at one second is called deferred accept. */
enum { DEFER_CONCORDANCE = 5 };
/* New SYNs answered, and none dropped, while these ACKs were ignored: so many make a full queue doubtful. */
enum { ANSWERS_DOUBT = 3 };
/* SYNs of the listener left unanswered near such a ladder: so many make a lost ACK doubtful. */
enum { DROPS_DOUBT = 3 };
/* From away an episode is seen from its first dropped SYN to its last: its edges may lie so far off. */
static const int64_t NEARBY_NS = 4500 * MS;

static bool at_server(const struct tca_case *c)
{
    return tca_near_server(c->vantage);
}

/* The listener's queue was full at some time between the client's ACK and the rung that ignored it. */
static bool full_meanwhile(const struct tca_case *c, const struct tca_ladder *l)
{
    const struct tca_listener *listener = c->listener;
    for (unsigned at = 0; at < listener->episode_count; at++)
        if (listener->episode[at].first_ns <= l->first_stuck->time_ns &&
            listener->episode[at].last_ns >= l->ack->time_ns)
            return true;
    return false;
}

/* On a server that echoes refused ACKs, an echo that stays the SYN's says that no ACK arrived. */
static bool ack_never_named(const struct tca_case *c, const struct tca_ladder *l)
{
    return c->host[TCA_SERVER]->echo == TCA_ECHO_OLD && !l->named && l->first->has_ts && l->ack->has_ts &&
           l->ack->tsval != l->first->tsecr;
}

static bool every_idle_open_waits(const struct tca_case *c, const struct tca_ladder *l)
{
    return c->listener->idle_opens >= DEFER_CONCORDANCE &&
           c->listener->one_rung_at_1s == c->listener->idle_opens && !l->early_data &&
           tca_fits_timer(l->gap_ns, SECOND);
}

static bool settled_after(const struct tca_case *c, const struct tca_ladder *l)
{
    const struct tca_mirror *m = &c->d->m;
    int64_t end = m->end_ns >= 0 ? m->end_ns : c->d->capture_end_ns;
    return m->child_proved || end - l->first_stuck->time_ns > NEXT_RUNG_NS;
}

/* A full queue would have reset instead of ignoring. */
static bool would_reset(const struct tca_case *c)
{
    int64_t aborts;
    return tca_host_knows(c->host[TCA_SERVER], TCA_SETTING_tcp_abort_on_overflow, &aborts) && aborts;
}

/* An episode, or SYNs left unanswered that make none: as a full queue does, and now and then a path. */
static bool full_nearby(const struct tca_case *c, const struct tca_ladder *l)
{
    return tca_listener_episode(c->listener, l->ack->time_ns, NEARBY_NS) != NULL ||
           tca_listener_drops(c->listener, l->ack->time_ns - NEARBY_NS,
                              l->first_stuck->time_ns + NEARBY_NS) >= DROPS_DOUBT;
}

/* The last segment of the client that is known to have made no child. */
static int64_t last_ignored_ns(const struct tca_dossier *d, const struct tca_ladder *l)
{
    const struct tca_mirror *m = &d->m;
    int64_t last = l->ack->time_ns, expiry = tca_ladder_expiry_ns(d, l);
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool ignored = m->child_proved ? mark->ordinal <= m->ack_ignored_count
                                       : mark->frame < l->last->frame && mark->time_ns < expiry;
        if ((mark->roles & TCA_MARK_OPEN_ACK) && !mark->witness && ignored)
            last = mark->time_ns;
    }
    return last;
}

/* What the client said after the rung made no child either: the path would have lost all of that, one after another. */
static bool ignored_again(const struct tca_case *c, const struct tca_ladder *l)
{
    return c->d->m.child_proved && last_ignored_ns(c->d, l) > l->first_stuck->time_ns;
}

static enum tca_ladder_cause cause_of_one(const struct tca_case *c, const struct tca_ladder *l)
{
    if (ack_never_named(c, l) || (would_reset(c) && full_meanwhile(c, l)))
        return TCA_CAUSE_ACK_LOSS;
    if (full_meanwhile(c, l))
        return TCA_CAUSE_OVERFLOW;
    if (every_idle_open_waits(c, l))
        return TCA_CAUSE_DEFERRED;
    if (l->named || !settled_after(c, l) || at_server(c))
        return TCA_CAUSE_NONE;
    return full_nearby(c, l) || ignored_again(c, l) ? TCA_CAUSE_EITHER : TCA_CAUSE_ACK_LOSS;
}

/* A full queue drops every new SYN (since 4.10), and whom it lets in waits for all before it. While the client's
 * segments were ignored others got in, were served at once, and no SYN was dropped: these segments did not arrive,
 * or a filter on the host dropped them. */
static bool others_got_in(const struct tca_case *c, const struct tca_ladder *l)
{
    return !l->named && tca_listener_admits(c->listener, l->ack->time_ns, last_ignored_ns(c->d, l));
}

/* The same without anybody having got in: a queue that is full drops each new SYN, and here it answered them. */
static bool others_answered(const struct tca_case *c, const struct tca_ladder *l)
{
    return !l->named &&
           tca_listener_answers(c->listener, l->ack->time_ns, last_ignored_ns(c->d, l)) >= ANSWERS_DOUBT;
}

/* The capture shows nothing else of this listener that would speak for a full queue or for a healthy one. */
static bool alone(const struct tca_case *c)
{
    const struct tca_listener *listener = c->listener;
    return listener->stuck_flows < 2 && !listener->established && !listener->dropped;
}

/* Several ACKs in a row: at the server nothing but the queue ignores them, or a filter of the host, which ignores
 * those of some clients only; elsewhere others must be stuck too. */
static enum tca_ladder_cause cause_of_many(const struct tca_case *c, const struct tca_ladder *l)
{
    if (ack_never_named(c, l) || would_reset(c))
        return TCA_CAUSE_ACK_LOSS;
    if (!full_meanwhile(c, l) && others_got_in(c, l))
        return at_server(c) ? TCA_CAUSE_ACK_LOSS : TCA_CAUSE_EITHER;
    if (!l->named && (alone(c) || (!full_meanwhile(c, l) && others_answered(c, l))))
        return TCA_CAUSE_EITHER;
    if (l->named || at_server(c) || full_meanwhile(c, l) || c->listener->stuck_flows > 1)
        return TCA_CAUSE_OVERFLOW;
    return TCA_CAUSE_EITHER;
}

enum tca_ladder_cause tca_ladder_cause(const struct tca_case *c, const struct tca_ladder *l)
{
    switch (tca_ladder_shape(l)) {
    case TCA_LADDER_DEFERRED:
        return TCA_CAUSE_DEFERRED;
    case TCA_LADDER_DEFERRED_STUCK:
        return TCA_CAUSE_DEFERRED_OVERFLOW;
    case TCA_LADDER_ONE_RUNG:
        return cause_of_one(c, l);
    case TCA_LADDER_STUCK:
        return cause_of_many(c, l);
    default:
        return TCA_CAUSE_NONE;
    }
}

static struct tca_ladder_reading read_ladder(const struct tca_case *c)
{
    struct tca_ladder_reading r;
    tca_ladder_read(c->d, &r.ladder);
    r.shape = tca_ladder_shape(&r.ladder);
    r.cause = tca_ladder_cause(c, &r.ladder);
    return r;
}

struct tca_ladder_reading tca_ladder_of(const struct tca_case *c)
{
    struct tca_memory *memory = c->memory;
    if (!memory)
        return read_ladder(c);
    if (!memory->knows_ladder)
        memory->ladder = read_ladder(c);
    memory->knows_ladder = true;
    return memory->ladder;
}
