/* SPDX-License-Identifier: MIT
 *
 * The clocks of an endpoint by capture time. A clock fires only when its interval, the lateness of kernel
 * timers included, has passed without contrary evidence; the step is dated when the interval itself was over.
 * Nothing is sent when these fire (Linux ends requests, orphans and TIME_WAIT silently), so all of it is
 * assumption.
 */
#include "mirror/clock.h"

#include "mirror/deviations.h"
#include "mirror/history.h"

/* When the clock of this state is over (epoch ns), or -1 if none runs. `event`: what then happens. */
struct deadline {
    int64_t start_ns, interval_ns;
    enum tca_event event;
};

static const struct deadline NONE = {-1, 0, TCA_EVENT_NONE};

static struct deadline time_wait(const struct tca_side *side)
{
    return (struct deadline){side->timer_ns, TCA_LINUX_TIME_WAIT_NS, TCA_TIMER_2MSL};
}

/* Only an orphan has this clock; one that goes on taking data is none. */
static struct deadline fin_wait2(const struct tca_side *side)
{
    return side->close_used ? NONE
                            : (struct deadline){side->timer_ns, TCA_LINUX_FIN_WAIT2_NS, TCA_TIMER_USER};
}

/* A ladder that goes on would show its next rung after twice the last gap at most. */
static struct deadline next_rung(int64_t last_ns, int64_t gap_ns)
{
    if (last_ns < 0)
        return NONE;
    return (struct deadline){last_ns, 2 * gap_ns, TCA_TIMER_USER};
}

/* Of SYN and SYN+ACK the smallest interval is known; copies closer than that were no rungs. */
static struct deadline next_opening_rung(const struct tca_side *side)
{
    if (side->syn_gap_ns < TCA_INITIAL_RTO_NS)
        return (struct deadline){side->syn_last_ns, TCA_INITIAL_RTO_NS, TCA_TIMER_USER};
    return next_rung(side->syn_last_ns, side->syn_gap_ns);
}

/* FIN and payload: the interval depends on the path, so one copy alone says nothing about the next. */
static struct deadline repeated_ladder(int64_t last_ns, int64_t gap_ns, uint64_t copies, uint64_t enough)
{
    return copies >= enough && gap_ns > 0 ? next_rung(last_ns, gap_ns) : NONE;
}

/* A request lives until its last rung's interval is over. Without any repeat that is not known: full length.
 */
static struct deadline request(const struct tca_mirror *m, const struct tca_side *side)
{
    if (side->synack_count < 2)
        return (struct deadline){m->first_synack_ns, TCA_LINUX_REQUEST_NS, TCA_TIMER_USER};
    return next_opening_rung(side);
}

static struct deadline deadline_of(const struct tca_mirror *m, const struct tca_side *side,
                                   enum tca_state state)
{
    switch (state) {
    case TCA_SYN_SENT:
        return next_opening_rung(side);
    case TCA_SYN_RECV:
        return side->synack_count ? request(m, side) : NONE;
    case TCA_ESTABLISHED:
    case TCA_CLOSE_WAIT:
        return repeated_ladder(side->rto_last_ns, side->rto_gap_ns, side->rto_run, 5);
    case TCA_FIN_WAIT1:
    case TCA_CLOSING:
    case TCA_LAST_ACK:
        return repeated_ladder(side->fin_last_ns, side->fin_gap_ns, side->fin_count, 3);
    case TCA_FIN_WAIT2:
        return fin_wait2(side);
    case TCA_TIME_WAIT:
        return time_wait(side);
    default:
        return NONE;
    }
}

/* Payload of the client since the newest SYN+ACK stayed without an answer: no child had come to be. */
static bool payload_in_vain(const struct tca_mirror *m, const struct tca_side *server)
{
    uint64_t kept = m->acks_since_synack < TCA_OPENERS_MAX ? m->acks_since_synack : TCA_OPENERS_MAX;
    for (uint64_t back = 0; back < kept; back++) {
        const struct tca_opener *one = &m->opener[(m->acks_since_synack - 1 - back) % TCA_OPENERS_MAX];
        if (one->time_ns < server->syn_last_ns)
            return false;
        if (one->len)
            return true;
    }
    return false;
}

/* The server stopped after one repeat, which the client acknowledged: its first ACK was lost, the second made
 * a child without a word. After more repeats the request may as well have been pruned or have used up its
 * tries. */
static bool silent_child(const struct tca_mirror *m, const struct tca_side *side)
{
    return side == &m->side[TCA_SERVER] && m->open_refuted && side->synack_count == 2 &&
           m->last_opener_ns > side->syn_last_ns && !payload_in_vain(m, side);
}

/* Client segments with ACK that came before this moment. */
static uint64_t openers_before(const struct tca_mirror *m, int64_t time_ns)
{
    uint64_t kept = m->acks_since_synack < TCA_OPENERS_MAX ? m->acks_since_synack : TCA_OPENERS_MAX;
    uint64_t later = 0;
    while (later < kept && m->opener[(m->acks_since_synack - 1 - later) % TCA_OPENERS_MAX].time_ns >= time_ns)
        later++;
    return m->acks_since_synack - later;
}

/* The request is freed: all that the client had sent until then was in vain. */
static void expire_request(struct tca_mirror *m, struct tca_side *side, int64_t over_ns)
{
    if (m->open_refuted)
        m->ack_ignored_count = openers_before(m, over_ns);
    tca_history_step(side, TCA_TIMER_USER, false, (struct tca_when){over_ns, m->last_frame});
}

void tca_clock_request_rst(struct tca_mirror *m, int64_t now_ns)
{
    struct tca_side *server = &m->side[TCA_SERVER];
    if (tca_side_state(server) != TCA_SYN_RECV)
        return;
    struct deadline d = request(m, server);
    if (server->synack_count > 1 && now_ns >= d.start_ns + d.interval_ns)
        expire_request(m, server, d.start_ns + d.interval_ns);
    else
        m->ack_ignored_count = m->acks_since_synack;
}

static void run_clock(struct tca_mirror *m, struct tca_side *side, int64_t now_ns)
{
    struct deadline d = deadline_of(m, side, tca_side_state(side));
    if (d.start_ns < 0 || now_ns - d.start_ns < tca_timer_latest(d.interval_ns))
        return;
    if (tca_side_state(side) == TCA_SYN_RECV && silent_child(m, side)) {
        const struct tca_opener *newest = &m->opener[(m->acks_since_synack - 1) % TCA_OPENERS_MAX];
        tca_history_step(side, TCA_GOT_ACK_OF_SYN, false, (struct tca_when){newest->time_ns, newest->frame});
        return;
    }
    if (tca_side_state(side) == TCA_SYN_RECV)
        expire_request(m, side, d.start_ns + d.interval_ns);
    else
        tca_history_step(side, d.event, false, (struct tca_when){d.start_ns + d.interval_ns, m->last_frame});
}

bool tca_mirror_timer(const struct tca_mirror *m, int role, enum tca_state state, struct tca_timer *ret)
{
    struct deadline d = deadline_of(m, &m->side[role], state);
    *ret = (struct tca_timer){.start_ns = d.start_ns, .interval_ns = d.interval_ns};
    return d.start_ns >= 0;
}

void tca_mirror_clock(struct tca_mirror *m, int64_t now_ns)
{
    run_clock(m, &m->side[TCA_CLIENT], now_ns);
    run_clock(m, &m->side[TCA_SERVER], now_ns);
}
