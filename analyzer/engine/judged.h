/* SPDX-License-Identifier: MIT
 *
 * One flow out of the spool, settled and judged, with all that its view points to. Private to the engine.
 */
#ifndef TCA_ENGINE_JUDGED_H
#define TCA_ENGINE_JUDGED_H

#include "classify/memory.h"
#include "engine/lone.h"
#include "engine/run.h"

struct tca_alike;

/* All zero: nothing. It serves one flow after the other. */
struct tca_judged {
    struct tca_reading reading;
    struct tca_memory memory;
    struct tca_settled settled;
    struct tca_case c;
    struct tca_verdict verdict;
    struct tca_flow_view view;
    struct tca_flow_kin kin;
    const struct tca_alike
        *like; /* what it holds is a copy of that class's with other numbers (alike.c); NULL: of none */
    uint64_t likeness;       /* which state of that class */
    struct tca_lone_syn syn; /* what it was made of then */
};

/* What is asked of each flow of a walk. */
struct tca_judging {
    const struct tca_session *s;
    bool everything; /* whatever the user wants to read */
};

/* Decode and settle an item of the sorter, judge it, and make its view. */
void tca_judge_item(const struct tca_judging *how, const void *item, struct tca_judged *j);
/* The same of what is settled already, for which the attempts of others show this; NULL: what they do. */
void tca_judge_settled(const struct tca_judging *how, const struct tca_pressed *pressed,
                       struct tca_judged *j);
/* Drop what the user does not want to read, as is done unless everything is asked for; false: there is nothing such ever. */
void tca_judge_limit(const struct tca_settings *set, struct tca_verdict *v);
bool tca_judge_is_limited(const struct tca_settings *set);
/* Where the capture was taken, for hosts and numbers of hosts of this dossier. */
enum tca_vantage tca_pair_vantage(const struct tca_session *s, const struct tca_settled *settled,
                                  const struct tca_listener *listener);

#endif
