/* SPDX-License-Identifier: MIT
 *
 * From a mirror's history to the life of a socket.
 */
#include "classify/socket.h"

#include "mirror/deviations.h"

#include <string.h>

static const int64_t NEAR_NS = 20 * TCA_MS; /* a listing of all sockets takes that long */

/* ---- the steps ---- */

static enum tca_state shown(enum tca_state state)
{
    return tca_state_counted(state) ? state : TCA_CLOSED;
}

static enum tca_state last_state(const struct tca_socket *s)
{
    return s->step_count ? (enum tca_state)s->step[s->step_count - 1].state : TCA_CLOSED;
}

/* States without any dwell are passed over; so is what changes nothing. */
static void enter(struct tca_socket *s, int64_t time_ns, enum tca_state state)
{
    if (s->step_count && s->step[s->step_count - 1].time_ns >= time_ns) {
        time_ns = s->step[s->step_count - 1].time_ns;
        s->step_count--;
    }
    if (shown(state) != last_state(s))
        s->step[s->step_count++] =
            (struct tca_socket_step){.time_ns = time_ns, .state = (uint8_t)shown(state)};
}

/* The capture does not show the opening, and so not what this end was before its first step. */
static bool begins_unknown(const struct tca_dossier *d, const struct tca_side *side)
{
    enum tca_event event = side->step_count ? (enum tca_event)side->step[0].event : TCA_EVENT_NONE;
    bool opening = event == TCA_SENT_SYN || event == TCA_GOT_SYN || event == TCA_SENT_SYNACK;
    return (d->m.damage & TCA_DAMAGE_START_CUT) && !opening;
}

/* ---- clocks ---- */

/* The last step is a clock's, or a clock runs: between its time and the latest one that a kernel's timer takes. */
static void find_clock(const struct tca_dossier *d, const struct tca_side *side, struct tca_socket *s)
{
    const struct tca_step *top = side->step_count ? &side->step[side->step_count - 1] : NULL;
    bool fired =
        top && side->step_count > 1 && (top->event == TCA_TIMER_2MSL || top->event == TCA_TIMER_USER);
    enum tca_state state = fired ? (enum tca_state)top[-1].state : tca_side_state(side);
    struct tca_timer timer;
    s->unsure_from_ns = 0;
    s->unsure_to_ns = -1;
    if (!tca_mirror_timer(&d->m, s->role, state, &timer))
        return;
    s->unsure_from_ns = fired ? top->time_ns : timer.start_ns + timer.interval_ns;
    s->unsure_to_ns = s->unsure_from_ns + tca_timer_latest(timer.interval_ns) - timer.interval_ns;
}

/* Payload or a FIN is the application's word. */
static int64_t accepted_ns(const struct tca_dossier *d)
{
    const struct tca_side *server = &d->m.side[TCA_SERVER];
    int64_t fin_ns = server->fin_sent ? server->fin_first_ns : -1;
    if (server->first_data_ns < 0 || (fin_ns >= 0 && fin_ns < server->first_data_ns))
        return fin_ns;
    return server->first_data_ns;
}

/* ---- the whole ---- */

bool tca_socket_of(const struct tca_dossier *d, int role, struct tca_socket *s)
{
    const struct tca_side *side = &d->m.side[role];
    memset(s, 0, sizeof *s);
    if (begins_unknown(d, side))
        enter(s, d->m.start_ns, TCA_UNKNOWN);
    for (int at = 0; at < side->step_count; at++)
        enter(s, side->step[at].time_ns, (enum tca_state)side->step[at].state);
    if (d->m.end_ns >= 0)
        enter(s, d->m.end_ns, TCA_CLOSED);
    if (!s->step_count)
        return false;
    for (int end = 0; end < 2; end++) {
        memcpy(s->addr[end], d->addr[role ^ end], sizeof s->addr[end]);
        s->port[end] = d->port[role ^ end];
    }
    s->family = d->family;
    s->role = (uint8_t)role;
    s->capture = d->capture;
    s->id_frame = d->id_frame;
    s->tcp_stream = d->tcp_stream;
    s->accepted_ns = role == TCA_SERVER ? accepted_ns(d) : -1;
    find_clock(d, side, s);
    return true;
}

void tca_socket_cut(struct tca_socket *s, int64_t time_ns)
{
    bool gone = last_state(s) == TCA_CLOSED;
    if (time_ns == INT64_MAX || (gone && s->step_count && s->step[s->step_count - 1].time_ns <= time_ns))
        return;
    while (s->step_count && s->step[s->step_count - 1].time_ns >= time_ns)
        s->step_count--;
    if (s->step_count)
        enter(s, time_ns, TCA_CLOSED);
    if (s->unsure_to_ns > time_ns)
        s->unsure_to_ns = time_ns;
}

enum tca_state tca_socket_state_at(const struct tca_socket *s, int64_t time_ns)
{
    enum tca_state state = TCA_CLOSED;
    for (unsigned at = 0; at < s->step_count && s->step[at].time_ns <= time_ns; at++)
        state = (enum tca_state)s->step[at].state;
    return state;
}

/* Without overflow, whatever the capture's times are. */
static bool between(int64_t time_ns, int64_t from_ns, int64_t to_ns)
{
    bool late_enough = time_ns >= from_ns || (uint64_t)from_ns - (uint64_t)time_ns <= (uint64_t)NEAR_NS;
    bool early_enough = time_ns <= to_ns || (uint64_t)time_ns - (uint64_t)to_ns <= (uint64_t)NEAR_NS;
    return late_enough && early_enough;
}

bool tca_socket_unsure_at(const struct tca_socket *s, int64_t time_ns)
{
    for (unsigned at = 0; at < s->step_count; at++)
        if (between(time_ns, s->step[at].time_ns, s->step[at].time_ns))
            return true;
    return s->unsure_from_ns <= s->unsure_to_ns && between(time_ns, s->unsure_from_ns, s->unsure_to_ns);
}
