/* SPDX-License-Identifier: MIT
 *
 * The settled history of one endpoint: a stack of steps whose unproved tail can still be taken back.
 *
 *      SYN_SENT(proved)  ESTABLISHED(proved)  CLOSE_WAIT(assumed)
 *                                             ^ refuted -> popped; proved by its own ACK -> stays
 *
 * Steps never go back in time: a step that is learnt late is dated where it happened, but not before the one
 * below.
 */
#ifndef TCA_MIRROR_HISTORY_H
#define TCA_MIRROR_HISTORY_H

#include "mirror/mirror.h"

#include <stddef.h>

/* When something happened. */
struct tca_when {
    int64_t time_ns;
    uint64_t frame;
};

/* Apply an event of the table. Returns true if the endpoint moved; false if it stays or the event is
 * impossible. */
bool tca_history_step(struct tca_side *side, enum tca_event event, bool proved, struct tca_when when);
/* Enter a state that no single event of the table leads to (the start of a mid-stream flow). */
void tca_history_enter(struct tca_side *side, enum tca_state state, enum tca_event event, bool proved,
                       struct tca_when when);
/* Take back every step above the newest one that is `state`, if all above are unproved. True if it is there
 * now. */
bool tca_history_back_to(struct tca_side *side, enum tca_state state);
/* The newest step of this event happened later than was assumed, and what came after it not before. */
void tca_history_redate(struct tca_side *side, enum tca_event event, struct tca_when when);
/* Take back the top step. The lowest step stays: who takes back more than one asks for step_count. */
void tca_history_pop(struct tca_side *side);
/* The endpoint itself showed that it is in its present state: its tail is proved. */
void tca_history_prove(struct tca_side *side);
bool tca_history_has(const struct tca_side *side, enum tca_state state);
/* Place of the newest assumed step of this event, or -1. */
int tca_history_assumed(const struct tca_side *side, enum tca_event event);
/* The step on top; NULL before the first. */
static inline const struct tca_step *tca_history_top(const struct tca_side *side)
{
    return side->step_count ? &side->step[side->step_count - 1] : NULL;
}

#endif
