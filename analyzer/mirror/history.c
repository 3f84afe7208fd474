/* SPDX-License-Identifier: MIT
 *
 * Steps of an endpoint: push, prove, take back. Bounded: a path has at most eleven states plus roll-backs
 * that were erased; if a hostile flow makes more, the newest overwrites the last slot and path_cut says so.
 */
#include "mirror/history.h"

void tca_history_enter(struct tca_side *side, enum tca_state state, enum tca_event event, bool proved,
                       struct tca_when when)
{
    const struct tca_step *top = tca_history_top(side);
    if (top && top->time_ns > when.time_ns)
        when.time_ns = top->time_ns;
    if (top && top->frame > when.frame)
        when.frame = top->frame;
    if (side->step_count == TCA_STEPS_MAX) {
        side->step_count--;
        side->path_cut = true;
    }
    side->step[side->step_count++] = (struct tca_step){.time_ns = when.time_ns,
                                                       .frame = when.frame,
                                                       .state = (uint8_t)state,
                                                       .event = (uint8_t)event,
                                                       .proved = proved};
    side->alternative = 0;
    side->timer_ns = when.time_ns;
}

bool tca_history_step(struct tca_side *side, enum tca_event event, bool proved, struct tca_when when)
{
    enum tca_state now = tca_side_state(side);
    enum tca_state next = tca_transition(now, event);
    if (next == TCA_STATE_COUNT || (next == now && side->step_count))
        return false;
    tca_history_enter(side, next, event, proved, when);
    return true;
}

void tca_history_redate(struct tca_side *side, enum tca_event event, struct tca_when when)
{
    int at = side->step_count - 1;
    while (at >= 0 && side->step[at].event != event)
        at--;
    for (; at >= 0 && at < side->step_count && side->step[at].time_ns < when.time_ns; at++) {
        side->step[at].time_ns = when.time_ns;
        side->step[at].frame = when.frame;
    }
}

void tca_history_pop(struct tca_side *side)
{
    if (side->step_count > 1)
        side->step_count--;
    const struct tca_step *top = tca_history_top(side);
    if (top)
        side->timer_ns = top->time_ns;
}

bool tca_history_back_to(struct tca_side *side, enum tca_state state)
{
    for (int at = side->step_count - 1; at >= 0; at--) {
        if (side->step[at].state == state) {
            while (side->step_count - 1 > at)
                tca_history_pop(side);
            return true;
        }
        if (side->step[at].proved)
            return false;
    }
    return false;
}

void tca_history_prove(struct tca_side *side)
{
    for (int at = side->step_count - 1; at >= 0 && !side->step[at].proved; at--)
        side->step[at].proved = true;
    side->alternative = 0;
}

int tca_history_assumed(const struct tca_side *side, enum tca_event event)
{
    int at = side->step_count - 1;
    while (at >= 0 && !side->step[at].proved && side->step[at].event != event)
        at--;
    return at >= 0 && !side->step[at].proved ? at : -1;
}

bool tca_history_has(const struct tca_side *side, enum tca_state state)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if (side->step[at].state == state)
            return true;
    return false;
}

bool tca_side_may_be(const struct tca_side *side, enum tca_state state)
{
    if (tca_side_state(side) == state || (side->alternative && side->alternative - 1 == (int)state))
        return true;
    /* The refutable tail: the state it would fall back to. */
    int at = side->step_count - 1;
    while (at > 0 && !side->step[at].proved)
        at--;
    return at >= 0 && at < side->step_count - 1 && side->step[at].state == state;
}

enum tca_state tca_side_state_at(const struct tca_side *side, uint64_t frame)
{
    enum tca_state state = TCA_UNKNOWN;
    for (unsigned at = 0; at < side->step_count && side->step[at].frame <= frame; at++) {
        /* A timer's step carries the frame before it and so stands at that frame too: it comes after it. */
        if ((side->step[at].event == TCA_TIMER_2MSL || side->step[at].event == TCA_TIMER_USER) &&
            side->step[at].frame == frame)
            break;
        state = (enum tca_state)side->step[at].state;
    }
    return state;
}
