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
static struct deadline fin_wait2(const struct tca_side *side, const struct tca_limits *limits)
{
    int64_t life_ns = limits->fin_wait2_ns >= 0 ? limits->fin_wait2_ns : TCA_LINUX_FIN_WAIT2_NS;
    return side->close_used ? NONE : (struct deadline){side->timer_ns, life_ns, TCA_TIMER_USER};
}

/* A ladder that goes on would show its next rung after twice the last gap at most. */
static struct deadline next_rung(int64_t last_ns, int64_t gap_ns)
{
    if (last_ns < 0)
        return NONE;
    return (struct deadline){last_ns, 2 * gap_ns, TCA_TIMER_USER};
}

/* Where nobody watched any more its rungs go on unseen, until `life_ns` (-1: not known) after `first_ns`. */
static struct deadline last_rung(struct deadline d, const struct tca_limits *limits, int64_t first_ns,
                                 int64_t life_ns)
{
    if (d.start_ns < 0 || d.interval_ns <= 0 || life_ns < 0)
        return d;
    while (d.start_ns + d.interval_ns > limits->watched_ns &&
           d.start_ns + d.interval_ns - first_ns < life_ns) {
        d.start_ns += d.interval_ns;
        d.interval_ns = 2 * d.interval_ns < TCA_RTO_MAX_NS ? 2 * d.interval_ns : TCA_RTO_MAX_NS;
    }
    return d;
}

/* Of SYN and SYN+ACK the smallest interval is known; copies closer than that were no rungs. */
static struct deadline next_opening_rung(const struct tca_side *side)
{
    if (side->syn_gap_ns < TCA_INITIAL_RTO_NS)
        return (struct deadline){side->syn_last_ns, TCA_INITIAL_RTO_NS, TCA_TIMER_USER};
    return next_rung(side->syn_last_ns, side->syn_gap_ns);
}

int64_t tca_mirror_synack_wait_ns(const struct tca_mirror *m)
{
    int64_t gap_ns = m->side[TCA_SERVER].syn_gap_ns;
    return m->deferred_rung ? gap_ns + TCA_INITIAL_RTO_NS : 2 * gap_ns;
}

static struct deadline asking(const struct tca_mirror *m, const struct tca_side *side,
                              const struct tca_limits *limits)
{
    struct deadline d = next_opening_rung(side);
    bool even = limits->syn_linear >= 0 && side->syn_count <= (uint64_t)limits->syn_linear + 1;
    if (even && d.start_ns >= 0 && side->syn_gap_ns < 3 * TCA_INITIAL_RTO_NS / 2)
        d.interval_ns = TCA_INITIAL_RTO_NS;
    return even ? d : last_rung(d, limits, m->start_ns, limits->syn_ns);
}

/* FIN and payload: the interval depends on the path, so one copy alone says nothing about the next. Fewer than
 * `enough` say enough where the length of the ladder is known, and it is over at the next one or after the capture: of
 * n gaps that double, the first repeat lies 2 - 2^(1-n) times the last gap before the last. */
static struct deadline repeated_ladder(const struct deadline *next, uint64_t repeats, bool enough,
                                       const struct tca_limits *limits, int64_t life_ns)
{
    int64_t gap_ns = next->interval_ns / 2;
    if (next->start_ns < 0 || gap_ns <= 0 || !repeats)
        return NONE;
    int64_t since_ns = repeats < 32 ? 2 * (gap_ns - (gap_ns >> (repeats - 1))) : 2 * gap_ns;
    int64_t next_ns = next->start_ns + next->interval_ns;
    bool ends = life_ns >= 0 && repeats >= 2 &&
                (since_ns + next->interval_ns >= life_ns || next_ns > limits->watched_ns);
    return enough || ends ? last_rung(*next, limits, next->start_ns - since_ns, life_ns) : NONE;
}

/* A request lives until its last rung's interval is over. Without any repeat that is not known: full length.
 */
static struct deadline request(const struct tca_mirror *m, const struct tca_side *side,
                               const struct tca_limits *limits)
{
    int64_t life_ns = limits->synack_ns >= 0 ? limits->synack_ns : TCA_LINUX_REQUEST_NS;
    if (side->synack_count < 2)
        return (struct deadline){m->first_synack_ns, life_ns, TCA_TIMER_USER};
    struct deadline next = next_opening_rung(side);
    if (m->deferred_rung)
        next.interval_ns = tca_mirror_synack_wait_ns(m);
    /* Each rung is up to an eighth late, and so is less than the whole time after the first. */
    return last_rung(next, limits, m->first_synack_ns, limits->synack_ns >= 0 ? life_ns - life_ns / 8 : -1);
}

static struct deadline resent(const struct tca_side *side, const struct tca_limits *limits)
{
    struct deadline next = next_rung(side->rto_last_ns, side->rto_gap_ns);
    return repeated_ladder(&next, side->rto_run, side->rto_run >= 5, limits, limits->open_ns);
}

static struct deadline fin_resent(const struct tca_side *side, const struct tca_limits *limits)
{
    struct deadline next = next_rung(side->fin_last_ns, side->fin_gap_ns);
    return repeated_ladder(&next, side->fin_count ? side->fin_count - 1 : 0, side->fin_count >= 3, limits,
                           limits->orphan_ns);
}

static struct deadline deadline_of(const struct tca_mirror *m, const struct tca_side *side,
                                   enum tca_state state, const struct tca_limits *limits)
{
    if (state == TCA_ESTABLISHED && !side->rto_run)
        return NONE; /* as nearly always */
    switch (state) {
    case TCA_SYN_SENT:
        return asking(m, side, limits);
    case TCA_SYN_RECV:
        return side->synack_count ? request(m, side, limits) : NONE;
    case TCA_ESTABLISHED:
    case TCA_CLOSE_WAIT:
        return resent(side, limits);
    case TCA_FIN_WAIT1:
    case TCA_CLOSING:
    case TCA_LAST_ACK:
        return fin_resent(side, limits);
    case TCA_FIN_WAIT2:
        return fin_wait2(side, limits);
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
    struct tca_limits limits = tca_limits_unknown();
    struct deadline d = request(m, server, &limits);
    if (server->synack_count > 1 && now_ns >= d.start_ns + d.interval_ns)
        expire_request(m, server, d.start_ns + d.interval_ns);
    else
        m->ack_ignored_count = m->acks_since_synack;
}

/* Did it ring? */
static bool run_clock(struct tca_mirror *m, struct tca_side *side, const struct tca_limits *limits,
                      int64_t now_ns)
{
    struct deadline d = deadline_of(m, side, tca_side_state(side), limits);
    if (d.start_ns < 0 || now_ns - d.start_ns < tca_timer_latest(d.interval_ns))
        return false;
    if (tca_side_state(side) == TCA_SYN_RECV && silent_child(m, side)) {
        const struct tca_opener *newest = &m->opener[(m->acks_since_synack - 1) % TCA_OPENERS_MAX];
        tca_history_step(side, TCA_GOT_ACK_OF_SYN, false, (struct tca_when){newest->time_ns, newest->frame});
        return true;
    }
    if (tca_side_state(side) == TCA_SYN_RECV)
        expire_request(m, side, d.start_ns + d.interval_ns);
    else
        tca_history_step(side, d.event, false, (struct tca_when){d.start_ns + d.interval_ns, m->last_frame});
    return true;
}

bool tca_mirror_timer(const struct tca_mirror *m, int role, enum tca_state state,
                      const struct tca_limits *limits, struct tca_timer *ret)
{
    struct deadline d = deadline_of(m, &m->side[role], state, limits);
    *ret = (struct tca_timer){.start_ns = d.start_ns, .interval_ns = d.interval_ns};
    return d.start_ns >= 0;
}

void tca_mirror_clock(struct tca_mirror *m, int64_t now_ns)
{
    struct tca_limits limits = tca_limits_unknown();
    for (int role = 0; role < 2; role++)
        run_clock(m, &m->side[role], &limits, now_ns);
}

static bool is_known(const struct tca_limits *limits, enum tca_state state)
{
    switch (state) {
    case TCA_SYN_SENT:
        return limits->syn_linear >= 0;
    case TCA_SYN_RECV:
        return limits->synack_ns >= 0;
    case TCA_ESTABLISHED:
    case TCA_CLOSE_WAIT:
        return limits->open_ns >= 0;
    case TCA_FIN_WAIT2:
        return limits->fin_wait2_ns >= 0;
    default:
        return limits->orphan_ns >= 0;
    }
}

/* The mirror's clocks rang by the usual values while its segments came. True: they did, and it was undone. */
static bool take_back(const struct tca_mirror *m, struct tca_side *side, const struct tca_limits *limits)
{
    const struct tca_step *top = tca_history_top(side);
    bool rang = side->step_count > 1 && top->event == TCA_TIMER_USER && !top->proved && !side->path_cut;
    int64_t rang_ns = rang ? top->time_ns : 0;
    if (!rang || m->last_ns > rang_ns || !is_known(limits, (enum tca_state)top[-1].state))
        return false;
    tca_history_pop(side);
    if (tca_side_state(side) == TCA_FIN_WAIT2)
        side->timer_ns = rang_ns - TCA_LINUX_FIN_WAIT2_NS;
    return true;
}

/* What came after FIN_WAIT2 was over met no socket any more, unless this end showed that it took it. True: something did. */
static bool end_fin_wait2(struct tca_side *side, const struct tca_limits *limits)
{
    bool ended = false;
    if (limits->fin_wait2_ns < 0 || side->close_used || side->path_cut)
        return false;
    for (unsigned at = 0; at + 1 < side->step_count; at++) {
        struct tca_step *next = &side->step[at + 1];
        if (side->step[at].state != TCA_FIN_WAIT2 || (next->proved && next->state != TCA_CLOSED) ||
            next->time_ns - side->step[at].time_ns < tca_timer_latest(limits->fin_wait2_ns))
            continue;
        *next = (struct tca_step){.time_ns = side->step[at].time_ns + limits->fin_wait2_ns,
                                  .frame = next->frame ? next->frame - 1 : 0,
                                  .state = TCA_CLOSED,
                                  .event = TCA_TIMER_USER};
        side->step_count = (uint8_t)(at + 2);
        ended = true;
    }
    return ended;
}

bool tca_mirror_clock_known(struct tca_mirror *m, const struct tca_limits limits[2], int64_t now_ns)
{
    bool changed = false;
    for (int role = 0; role < 2; role++) {
        changed |= end_fin_wait2(&m->side[role], &limits[role]);
        changed |= take_back(m, &m->side[role], &limits[role]);
        changed |= run_clock(m, &m->side[role], &limits[role], now_ns);
    }
    return changed;
}
